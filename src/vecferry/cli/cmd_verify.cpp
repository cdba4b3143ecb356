#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/comparison.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/sync.h"

namespace vecferry {
namespace {

struct VerifyOptions : ComparisonOptions {
  bool repair = false;
  OperateOptions operation{};
};

Status check_repair(const VerifyOptions& options) {
  const SelectionOptions& selection = options.selection;
  if (!selection.where.empty() || !selection.select_payload.empty() ||
      !selection.drop_payload.empty() || !selection.vectors.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "--repair copies whole points: it takes no --where, --vectors or payload "
                         "choice",
                 .next = "leave out the choice, or --repair"});
  }
  return Status::OK();
}

// Just what differs goes from A to B. What only B has stays there: that is for `sync --delete`.
Result<int> repair(const Context& context, const Output& output, const VerifyOptions& options) {
  ARROW_RETURN_NOT_OK(check_repair(options));
  return operate(
      context, output, options.operation, [&](const Planning& planning) -> Result<OperationPlan> {
        const auto distance = parse_distance(options.distance).value_or(Distance::kCosine);
        ARROW_ASSIGN_OR_RAISE(auto source, planning.places.typed_source(
                                               options.a, {.distance = distance}, planning.stop));
        ARROW_ASSIGN_OR_RAISE(auto target, planning.places.typed_target(options.b, planning.stop));
        ARROW_RETURN_NOT_OK(check_changeable(target));
        ARROW_RETURN_NOT_OK(target.backend->describe(target.collection, planning.stop).status());
        const Desk desk{
            .places = planning.places, .progress = planning.progress, .stop = planning.stop};
        return plan_sync({.verb = "repair",
                          .source = std::move(source),
                          .reading = {.distance = distance},
                          .target = std::move(target),
                          .memory_bytes = planning.memory_bytes},
                         desk);
      });
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto options = std::make_shared<VerifyOptions>();
  auto* verb = app.add_subcommand("verify", "Prove that two collections hold the same points")
                   ->footer(
                       "Every id, vector and payload counts, bit by bit. Exit status 3 and the "
                       "ids when anything differs.");
  add_comparison_options(*verb, *options);
  verb->add_flag("--repair", options->repair,
                 "Copy the points that B lacks or has otherwise from A to B, with undo");
  verb->add_flag("--dry-run", options->operation.dry_run,
                 "With --repair: print the plan and write nothing");
  verb->add_option("--confirm", options->operation.confirmed,
                   "With --repair: name of the protected environment that this may change")
      ->type_name("ENV");
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return options->repair ? repair(context, output, *options)
                             : run_comparison(context, output, "verify", *options);
    };
  });
}

}  // namespace vecferry
