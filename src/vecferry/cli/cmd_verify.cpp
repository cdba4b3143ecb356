#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/comparison.h"

namespace vecferry {

void add_verify(CLI::App& app, Context& context) {
  auto options = std::make_shared<ComparisonOptions>();
  auto* verb = app.add_subcommand("verify", "Prove that two collections hold the same points")
                   ->footer(
                       "Every id, vector and payload counts, bit by bit. Exit status 3 and the "
                       "ids when anything differs.");
  verb->add_option("A", options->a, "A location or a file")->required();
  verb->add_option("B", options->b, "A location or a file")->required();
  add_selection(*verb, options->selection, SelectionScope::kCompare);
  verb->add_option("--distance", options->distance, "Distance for a file that does not say")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--max-ids", options->max_ids, "Name at most so many ids of each kind")
      ->type_name("N")
      ->capture_default_str();
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return run_comparison(context, output, "verify", *options);
    };
  });
}

}  // namespace vecferry
