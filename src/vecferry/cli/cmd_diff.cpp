#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/comparison.h"

namespace vecferry {

void add_diff(CLI::App& app, Context& context) {
  auto options = std::make_shared<ComparisonOptions>();
  options->explain = true;
  options->settings_matter = true;
  options->max_ids = 20;
  auto* verb =
      app.add_subcommand("diff", "Show how two collections differ, settings included")
          ->footer(
              "Names the points that only one side has, and for the others which vector or "
              "payload key is not the same. Exit status 3 when anything differs.");
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
      return run_comparison(context, output, "diff", *options);
    };
  });
}

}  // namespace vecferry
