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
  add_comparison_options(*verb, *options);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return run_comparison(context, output, "diff", *options);
    };
  });
}

}  // namespace vecferry
