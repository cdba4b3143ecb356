#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"
#include "vecferry/cli/options.h"
#include "vecferry/cli/output.h"
#include "vecferry/ops/merge.h"

namespace vecferry {
namespace {

struct MergeOptions : OperateOptions {
  std::vector<std::string> sources{};
  std::string into{};
  std::string dedupe = "id";
  std::string content_key = "content";
  std::string on_conflict{};
  std::vector<std::string> rename_vectors{};
  std::string distance = "Cosine";
  std::string report{};
  bool no_provenance = false;
  bool index = false;
};

Result<MergeRequest> request_of(const MergeOptions& options, const Planning& planning) {
  MergeRequest request{.provenance = !options.no_provenance,
                       .build_index = options.index,
                       .memory_bytes = planning.memory_bytes};
  ARROW_ASSIGN_OR_RAISE(
      request.rules, parse_merge_rules(options.dedupe, options.on_conflict, options.content_key));
  ARROW_ASSIGN_OR_RAISE(request.travel, options.route.parse(planning.names));
  ARROW_ASSIGN_OR_RAISE(request.reading.distance, distance_of(options.distance));
  for (const auto& text : options.rename_vectors) {
    ARROW_ASSIGN_OR_RAISE(auto rename, parse_merge_rename(text, options.sources));
    request.rename_vectors.push_back(std::move(rename));
  }
  for (const auto& text : options.sources) {
    ARROW_ASSIGN_OR_RAISE(auto source,
                          planning.places.typed_source(text, request.reading, planning.stop));
    request.sources.push_back(std::move(source));
  }
  ARROW_ASSIGN_OR_RAISE(request.target, planning.places.typed_target(options.into, planning.stop));
  return request;
}

Result<int> merge(const Context& context, const Output& output, const MergeOptions& options) {
  if (!options.report.empty()) {
    ARROW_RETURN_NOT_OK(check_can_write(options.report, "name another file with --report"));
  }
  std::optional<MergeReport> report;
  const auto make_plan = [&](const Planning& planning) -> Result<OperationPlan> {
    ARROW_ASSIGN_OR_RAISE(const auto request, request_of(options, planning));
    Progress progress;
    const ProgressDisplay display(output, progress);
    ARROW_ASSIGN_OR_RAISE(auto merge,
                          plan_merge(request, planning.places, progress, planning.stop));
    report = std::move(merge.report);
    return std::move(merge.plan);
  };
  ARROW_ASSIGN_OR_RAISE(const int code, operate(context, output, options, make_plan));
  if (code == kExitDone && report && !options.report.empty()) {
    ARROW_RETURN_NOT_OK(write_report(*report, options.report));
    output.note("report in " + options.report + "\n");
  }
  return code;
}

}  // namespace

void add_merge(CLI::App& app, Context& context) {
  auto options = std::make_shared<MergeOptions>();
  auto* verb = app.add_subcommand("merge", "Make one collection of several")
                   ->footer(
                       "Sources are read and compared first; the plan says how many points come "
                       "from where,\nand what is left out. docs/merge-and-split.md has the rules.");
  verb->add_option("LOC", options->sources, "The collections or files, the first one goes first")
      ->required()
      ->expected(1, -1);
  verb->add_option("--into", options->into, "The new collection")->required()->type_name("LOC");
  verb->add_option("--dedupe", options->dedupe,
                   "What makes a duplicate, of which the first stays: id (the same point twice), "
                   "content, vector, exact (all but the id) or none")
      ->type_name("RULE")
      ->capture_default_str();
  verb->add_option("--content-key", options->content_key,
                   "Payload key of the text that --dedupe content compares")
      ->type_name("KEY")
      ->capture_default_str();
  verb->add_option("--on-conflict", options->on_conflict,
                   "For different points of one id: error, first, last, newest:FIELD, or remap "
                   "(keep all, under new ids). Default: error with --dedupe id, else remap")
      ->type_name("RULE");
  verb->add_option("--rename-vector", options->rename_vectors,
                   "Give a vector another name, in all sources or in one")
      ->type_name("[LOC:]OLD=NEW")
      ->allow_extra_args(false);
  verb->add_flag("--no-provenance", options->no_provenance,
                 "Do not add merged_from, the source, to every payload");
  verb->add_option("--report", options->report,
                   "Write what was left out, and for what, with all ids (JSON)")
      ->type_name("FILE");
  verb->add_option("--distance", options->distance,
                   "Distance for a file that does not say: Cosine, Euclid, Dot or Manhattan")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_flag("--index", options->index,
                 "Build the vector index of a local target now, not when it is first needed");
  add_operate_options(*verb, *options);
  add_route_options(*verb, options->route, RouteScope::kMakes);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return merge(context, output, *options);
    };
  });
}

}  // namespace vecferry
