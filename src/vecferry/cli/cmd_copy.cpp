#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/transfer.h"

namespace vecferry {

void add_copy(CLI::App& app, Context& context) {
  struct Options : TransferOptions {
    std::string source_text;
    std::string target_text;
  };
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("copy", "Copy a collection: points, vectors, payloads, settings")
                   ->footer(
                       "The target is read back and compared point by point. When anything "
                       "fails, the target is gone again.");
  verb->add_option("SRC", options->source_text, "Where from: a location or a file")->required();
  verb->add_option("DST", options->target_text, "Where to: a location or a file")->required();
  add_transfer_options(*verb, *options);
  add_follow_up_options(*verb, options->follow_up, options->max_passes);
  add_reembed_options(*verb, options->reembed);
  verb->add_option("--format", options->target.format, "Format of - : json, jsonl or parquet")
      ->type_name("NAME");
  verb->callback([&context, options] {
    context.output.stdout_is_data = options->target_text == "-";
    options->source.format = options->target.format;
    context.run = [&context, options](const Output& output) {
      return transfer(context, output, "copy", options->source_text, options->target_text,
                      *options);
    };
  });
}

}  // namespace vecferry
