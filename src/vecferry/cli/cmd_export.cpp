#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "vecferry/cli/transfer.h"

namespace vecferry {
namespace {

// NAME_YYYYmmdd_HHMMSS.json in the working folder, as the scripts did; local time, as they did.
Result<std::string> default_file(const std::string& location_text) {
  ARROW_ASSIGN_OR_RAISE(const auto location, parse_location(location_text));
  const std::string name =
      location.collection.empty() ? std::string("collection") : percent_encode(location.collection);
  return fmt::format("{}_{:%Y%m%d_%H%M%S}.json", name, fmt::localtime(std::time(nullptr)));
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  struct Options : TransferOptions {
    std::string source_text;
    std::string file;
  };
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("export", "Write a collection to a file")
                   ->footer(
                       "Formats by extension: .json (the plain form that scripts read), "
                       ".jsonl, .parquet; .json and .jsonl also .zst.");
  verb->add_option("LOC", options->source_text, "The collection")->required();
  verb->add_option("FILE", options->file, "Where to (default: NAME_YYYYmmdd_HHMMSS.json here)");
  add_transfer_options(*verb, *options);
  verb->add_option("--format", options->target.format, "Format of - : json, jsonl or parquet")
      ->type_name("NAME");
  verb->callback([&context, options] {
    context.output.stdout_is_data = options->file == "-";
    context.run = [&context, options](const Output& output) -> Result<int> {
      if (options->file.empty()) {
        ARROW_ASSIGN_OR_RAISE(const auto names,
                              PlaceNames::load(context.config_file, context.network));
        ARROW_ASSIGN_OR_RAISE(options->file, default_file(names.resolve(options->source_text)));
      }
      if (options->file != "-" && !has_known_extension(options->file)) {
        return parse_location(options->file).status().ok()
                   ? fail({.kind = ErrorKind::kUsage,
                           .what = fmt::format("export writes a file, '{}' is a collection",
                                               options->file),
                           .next = "use copy"})
                   : parse_location(options->file).status();
      }
      return transfer(context, output, "export", options->source_text, options->file, *options);
    };
  });
}

}  // namespace vecferry
