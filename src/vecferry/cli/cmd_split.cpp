#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/operate.h"
#include "vecferry/cli/options.h"
#include "vecferry/cli/output.h"
#include "vecferry/ops/split.h"

namespace vecferry {
namespace {

struct SplitOptions : OperateOptions {
  std::string source{};
  std::string to{};
  std::string by{};
  std::vector<std::string> where{};
  int parts = 0;
  std::string name = "{collection}-{value}";
  std::string rest{};
  uint64_t min_size = 0;
  std::string distance = "Cosine";
  bool allow_overlap = false;
  bool drop_source = false;
  bool no_backup = false;
  bool index = false;
};

Result<std::pair<std::string, std::shared_ptr<const Filter>>> part_of(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("--where takes NAME=FILTER, got '{}'", text),
                 .next = "for example --where 'big=installed_size>1000'"});
  }
  ARROW_ASSIGN_OR_RAISE(auto filter, Filter::parse(text.substr(equals + 1)));
  return std::pair(text.substr(0, equals), std::move(filter));
}

Result<SplitRequest> request_of(const SplitOptions& options, const Context& context,
                                const Planning& planning) {
  SplitRequest request{.by = options.by,
                       .parts = options.parts,
                       .name = options.name,
                       .rest = options.rest,
                       .min_size = options.min_size,
                       .allow_overlap = options.allow_overlap,
                       .drop_source = options.drop_source,
                       .backup = !options.no_backup,
                       .build_index = options.index,
                       .memory_bytes = planning.memory_bytes};
  ARROW_ASSIGN_OR_RAISE(request.archive, chosen_archive(context, planning.names, ""));
  for (const auto& text : options.where) {
    ARROW_ASSIGN_OR_RAISE(auto part, part_of(text));
    request.where.push_back(std::move(part));
  }
  ARROW_ASSIGN_OR_RAISE(request.travel, options.route.parse(planning.names));
  ARROW_ASSIGN_OR_RAISE(request.reading.distance, distance_of(options.distance));
  ARROW_ASSIGN_OR_RAISE(
      request.source, planning.places.typed_source(options.source, request.reading, planning.stop));
  request.place = request.source;
  if (!options.to.empty()) {
    ARROW_ASSIGN_OR_RAISE(request.place,
                          planning.places.typed_target(options.to + "/" + "part", planning.stop));
  } else if (!request.source.backend->capabilities().many_collections) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "a file holds one collection: nothing says where the parts go",
                 .where = options.source,
                 .next = "name a place with --to, such as --to local:store"});
  }
  return request;
}

}  // namespace

void add_split(CLI::App& app, Context& context) {
  auto options = std::make_shared<SplitOptions>();
  auto* verb = app.add_subcommand("split", "Make several collections of one")
                   ->footer(
                       "Points are counted first; the plan says what goes where. That the parts "
                       "are together the\nwhole is proved at the end, before --drop-source drops "
                       "anything. docs/merge-and-split.md has the rules.");
  verb->add_option("LOC", options->source, "The collection or file")->required();
  verb->add_option("--by", options->by, "One collection for each value of this payload field")
      ->type_name("FIELD");
  verb->add_option("--where", options->where, "A collection and what goes into it; may be repeated")
      ->type_name("NAME=FILTER")
      ->allow_extra_args(false);
  verb->add_option("--parts", options->parts, "So many collections of about the same size")
      ->type_name("N")
      ->check(CLI::Range(2, 64));
  verb->add_option("--name", options->name, "Names of the collections of --by and --parts")
      ->type_name("PATTERN")
      ->capture_default_str();
  verb->add_option("--rest", options->rest, "Collection of the points that go nowhere else")
      ->type_name("NAME");
  verb->add_option("--min-size", options->min_size,
                   "Values with fewer points get no collection: they go to the rest")
      ->type_name("N");
  verb->add_flag("--allow-overlap", options->allow_overlap, "Points may go into several parts");
  verb->add_option("--to", options->to, "Place of the collections (default: that of LOC)")
      ->type_name("PLACE");
  verb->add_flag("--drop-source", options->drop_source,
                 "Drop LOC, with backup and undo, once the parts are proved");
  verb->add_flag("--no-backup", options->no_backup,
                 "With --drop-source: take no backup, then there is no undo");
  verb->add_option("--distance", options->distance,
                   "Distance for a file that does not say: Cosine, Euclid, Dot or Manhattan")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_flag("--index", options->index,
                 "Build the vector index of local targets now, not when it is first needed");
  add_operate_options(*verb, *options);
  add_route_options(*verb, options->route, RouteScope::kMakes);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return operate(
          context, output, *options, [&](const Planning& planning) -> Result<OperationPlan> {
            ARROW_ASSIGN_OR_RAISE(const auto request, request_of(*options, context, planning));
            Progress progress;
            const ProgressDisplay display(output, progress);
            return plan_split(request, planning.places, progress, planning.stop);
          });
    };
  });
}

}  // namespace vecferry
