#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/drop.h"

namespace vecferry {
namespace {

using Planner = Result<OperationPlan> (*)(const DropRequest&, StopToken);

void add(CLI::App& app, Context& context, const char* name, const char* says, Planner planner) {
  struct Options : OperateOptions {
    std::string target{};
    bool no_backup = false;
  };
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand(name, says)
                   ->footer("What is there goes to a verified backup first; undo brings it back.");
  verb->add_option("LOC", options->target, "The collection")->required();
  verb->add_flag("--no-backup", options->no_backup, "Take no backup: then there is no undo");
  add_operate_options(*verb, *options);
  verb->callback([&context, options, planner] {
    context.run = [&context, options, planner](const Output& output) {
      return operate(
          context, output, *options, [&](const Planning& planning) -> Result<OperationPlan> {
            ARROW_ASSIGN_OR_RAISE(auto target,
                                  planning.places.typed_target(options->target, planning.stop));
            ARROW_ASSIGN_OR_RAISE(auto archive, chosen_archive(context, planning.names, ""));
            const DropRequest request{.target = std::move(target),
                                      .backup = !options->no_backup,
                                      .archive = std::move(archive)};
            return or_nearest_name(planner(request, planning.stop), request.target, planning.stop);
          });
    };
  });
}

}  // namespace

void add_drop(CLI::App& app, Context& context) {
  add(app, context, "drop", "Drop a collection, with backup and undo", plan_drop);
}

void add_empty(CLI::App& app, Context& context) {
  add(app, context, "empty", "Remove all points of a collection; settings and aliases stay",
      plan_empty);
}

}  // namespace vecferry
