#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/operate.h"
#include "vecferry/cli/options.h"
#include "vecferry/ops/clone.h"
#include "vecferry/ops/plan_load.h"

namespace vecferry {
namespace {

// A bare NEW is a name in the same place; anything else is a location of its own.
Result<OpenedEnd> target_of(const std::string& text, const OpenedEnd& source,
                            const Planning& planning) {
  if (text.find_first_of("/:") == std::string::npos) {
    return beside(source, text);
  }
  return planning.places.typed_target(text, planning.stop);
}

}  // namespace

void add_clone(CLI::App& app, Context& context) {
  struct Options : OperateOptions {
    std::string source{};
    std::string target{};
    bool aliases = false;
    bool index = false;
    bool follow_up = false;
    int max_passes = 0;
  };
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("clone", "Make a full copy beside the original")
                   ->footer(
                       "Settings and payload indexes come along; the clone is read back and "
                       "compared. Where the place can, the vector index is carried over, not built "
                       "again.");
  verb->add_option("LOC", options->source, "The collection")->required();
  verb->add_option("NEW", options->target, "A name in the same place, or a location")->required();
  verb->add_flag("--aliases", options->aliases, "The aliases of LOC lead to NEW afterwards");
  verb->add_flag("--index", options->index,
                 "Build the vector index of a local target now, not when it is first needed");
  add_follow_up_options(*verb, options->follow_up, options->max_passes);
  add_operate_options(*verb, *options);
  add_route_options(*verb, options->route, RouteScope::kMakes);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return operate(
          context, output, *options, [&](const Planning& planning) -> Result<OperationPlan> {
            ARROW_ASSIGN_OR_RAISE(auto source,
                                  planning.places.typed_source(options->source, {}, planning.stop));
            ARROW_ASSIGN_OR_RAISE(auto target, target_of(options->target, source, planning));
            ARROW_ASSIGN_OR_RAISE(auto travel, options->route.parse(planning.names));
            const CloneRequest request{
                .source = std::move(source),
                .target = std::move(target),
                .aliases = options->aliases,
                .travel = std::move(travel),
                .build_index = options->index,
                .follow_up = passes_of(options->follow_up, options->max_passes),
                .memory_bytes = planning.memory_bytes};
            return or_nearest_name(plan_clone(request, planning.places, planning.stop),
                                   request.source, planning.stop);
          });
    };
  });
}

}  // namespace vecferry
