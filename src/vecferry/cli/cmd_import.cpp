#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/transfer.h"

namespace vecferry {
namespace {

// A target that ends in a slash, or none at all, takes the name that the file gives its collection.
Result<std::string> named_target(const PlaceNames& names, const TransferOptions& options,
                                 const std::string& file, const std::string& target) {
  if (!target.empty() && target.back() != '/') {
    return target;
  }
  ARROW_ASSIGN_OR_RAISE(const auto source, open_location(names, file, options.source));
  return target + percent_encode(source.collection);
}

}  // namespace

void add_import(CLI::App& app, Context& context) {
  struct Options : TransferOptions {
    std::string file;
    std::string target_text;
  };
  auto options = std::make_shared<Options>();
  auto* verb =
      app.add_subcommand("import", "Take a file in as a collection")
          ->footer(
              "Ids that are numbers or UUIDs stay what they are; any other id becomes a UUIDv5 "
              "of it, and the original is kept in the payload (--id-key).");
  verb->add_option("FILE", options->file, "A .json, .jsonl, .parquet or .snapshot file, or -")
      ->required();
  verb->add_option("LOC", options->target_text,
                   "The new collection; local:DIR/ takes the name from the file (default: the "
                   "default place, the name from the file)");
  add_transfer_options(*verb, *options);
  add_reembed_options(*verb, options->reembed);
  verb->add_option("--format", options->source.format, "Format of - : json, jsonl or parquet")
      ->type_name("NAME");
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) -> Result<int> {
      ARROW_ASSIGN_OR_RAISE(const auto names,
                            PlaceNames::load(context.config_file, context.network));
      ARROW_ASSIGN_OR_RAISE(options->target_text,
                            named_target(names, *options, options->file, options->target_text));
      return transfer(context, output, "import", options->file, options->target_text, *options);
    };
  });
}

}  // namespace vecferry
