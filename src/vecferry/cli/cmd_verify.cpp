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
  add_comparison_options(*verb, *options);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return run_comparison(context, output, "verify", *options);
    };
  });
}

}  // namespace vecferry
