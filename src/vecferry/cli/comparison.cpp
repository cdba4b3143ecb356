#include "vecferry/cli/comparison.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/places.h"
#include "vecferry/ops/endpoint.h"
#include "vecferry/ops/explain.h"
#include "vecferry/ops/verify.h"
#include "vecferry/routes/engine_read.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

Json ids_json(const std::vector<PointId>& ids) {
  Json json = Json::array();
  for (const auto& id : ids) {
    json.push_back(id.is_uuid ? Json(to_string(id)) : Json(id.number));
  }
  return json;
}

std::string ids_text(std::string_view title, uint64_t count, const std::vector<PointId>& ids) {
  if (count == 0) {
    return {};
  }
  std::string text = fmt::format("  {:<10} {}:", title, format_count(count));
  for (const auto& id : ids) {
    text += " " + to_string(id);
  }
  return text + (count > ids.size() ? " …\n" : "\n");
}

Json result_json(const std::string& verb, const VerifyRequest& request, const VerifyReport& report,
                 const std::vector<PointDifference>& details) {
  const Comparison& found = report.points;
  Json json = {{"type", "result"},
               {"verb", verb},
               {"source", request.a.label},
               {"target", request.b.label},
               {"equal", found.equal},
               {"points_a", found.a.count},
               {"points_b", found.b.count},
               {"missing", found.missing},
               {"extra", found.extra},
               {"different", found.different},
               {"missing_ids", ids_json(found.missing_ids)},
               {"extra_ids", ids_json(found.extra_ids)},
               {"different_ids", ids_json(found.different_ids)},
               {"config_equal", report.config_differences.empty()},
               {"config_differences", report.config_differences},
               {"transforms", report.transforms},
               {"digest_a", to_hex(found.a.sum)},
               {"digest_b", to_hex(found.b.sum)}};
  if (!details.empty()) {
    json["differences"] = Json::array();
    for (const auto& detail : details) {
      json["differences"].push_back(
          {{"id", detail.id.is_uuid ? Json(to_string(detail.id)) : Json(detail.id.number)},
           {"parts", detail.parts}});
    }
  }
  return json;
}

std::string report_text(const VerifyRequest& request, const VerifyReport& report,
                        const std::vector<PointDifference>& details, bool explain) {
  const Comparison& found = report.points;
  std::string text = found.equal ? fmt::format("equal: {} points, digest {}\n",
                                               format_count(found.a.count), to_hex(found.a.sum))
                                 : fmt::format("different: {} points in {}, {} in {}\n",
                                               format_count(found.a.count), request.a.label,
                                               format_count(found.b.count), request.b.label);
  text += ids_text("missing", found.missing, found.missing_ids);
  text += ids_text("extra", found.extra, found.extra_ids);
  text += ids_text("different", found.different, found.different_ids);
  for (const auto& detail : details) {
    text += fmt::format("  point {}:", to_string(detail.id));
    for (size_t i = 0; i < detail.parts.size(); ++i) {
      text += (i == 0 ? " " : "; ") + detail.parts[i];
    }
    text += "\n";
  }
  for (const auto& transform : report.transforms) {
    text += fmt::format("  {:<10} {}\n", "compared", transform);
  }
  if (explain) {
    for (const auto& line : report.config_differences) {
      text += fmt::format("  {:<10} {}\n", "setting", line);
    }
  } else if (!report.config_differences.empty()) {
    text += fmt::format("  {:<10} {} differ; `vecferry diff` shows them\n", "settings",
                        report.config_differences.size());
  }
  return text;
}

// A side as it is compared: where it was asked for, through snapshots of its shards. Files and
// local places have none, and are read as they are.
Result<OpenedLocation> comparable(OpenedLocation side, const TravelWish& travel, Progress& progress,
                                  const StopToken& stop) {
  if (travel.route == Route::kNative || travel.route == Route::kShip) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("--route {} makes a collection, and this only reads",
                                     to_string(*travel.route)),
                 .next = "there is stream and engine-read"});
  }
  if (travel.route == Route::kEngineRead && side.backend->snapshots() != nullptr) {
    progress.begin(Phase::kFetching, 0);
    ARROW_ASSIGN_OR_RAISE(side.backend,
                          engine_read(side.backend, side.collection,
                                      {.parent = travel.spool, .bytes = &progress.bytes}, stop));
  }
  return side;
}

}  // namespace

void add_comparison_options(CLI::App& verb, ComparisonOptions& options) {
  verb.add_option("A", options.a, "A location or a file")->required();
  verb.add_option("B", options.b, "A location or a file")->required();
  add_selection(verb, options.selection, SelectionScope::kCompare);
  verb.add_option("--distance", options.distance, "Distance for a file that does not say")
      ->type_name("NAME")
      ->capture_default_str();
  add_route_options(verb, options.route, RouteScope::kReads);
  verb.add_option("--max-ids", options.max_ids, "Name at most so many ids of each kind")
      ->type_name("N")
      ->capture_default_str();
}

Result<int> run_comparison(const Context& context, const Output& output, const std::string& verb,
                           const ComparisonOptions& options) {
  PlaceOptions place_options{.stop = context.stop};
  ARROW_ASSIGN_OR_RAISE(const Distance distance, distance_of(options.distance));
  place_options.distance = distance;
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto name_a, with_backup_names(context, names, options.a));
  ARROW_ASSIGN_OR_RAISE(const auto name_b, with_backup_names(context, names, options.b));
  ARROW_ASSIGN_OR_RAISE(const auto a, open_location(names, name_a, place_options));
  ARROW_ASSIGN_OR_RAISE(const auto b, open_location(names, name_b, place_options));
  ARROW_ASSIGN_OR_RAISE(const auto travel, options.route.parse(names));
  Progress progress;
  ARROW_ASSIGN_OR_RAISE(const auto side_a, comparable(a, travel, progress, context.stop));
  ARROW_ASSIGN_OR_RAISE(const auto side_b, comparable(b, travel, progress, context.stop));
  VerifyRequest request{
      .a = side_a.endpoint(), .b = side_b.endpoint(), .options = {.max_ids = options.max_ids}};
  ARROW_ASSIGN_OR_RAISE(request.selection, options.selection.parse());
  for (const auto* side : {&a, &b}) {
    const Status found = side->backend->describe(side->collection, context.stop).status();
    ARROW_RETURN_NOT_OK(with_nearest_name(found, *side->backend, side->collection, context.stop));
  }
  progress.begin(Phase::kComparing, 0);
  uint64_t known = 0;
  for (const auto* side : {&a, &b}) {
    known += known_points(*side->backend, side->collection, context.stop).value_or(0);
  }
  progress.expected = known;
  std::vector<PointDifference> details;
  auto report = [&]() -> Result<VerifyReport> {
    const ProgressDisplay display(output, progress);
    ARROW_ASSIGN_OR_RAISE(auto found, verify(request, progress, context.stop));
    if (options.explain && found.points.different > 0) {
      ARROW_ASSIGN_OR_RAISE(const auto sides, comparable_sides(request, context.stop));
      ARROW_ASSIGN_OR_RAISE(
          details, explain_differences(sides.a, sides.b, found.points.different_ids, context.stop));
    }
    return found;
  }();
  ARROW_RETURN_NOT_OK(report.status());
  output.text(report_text(request, *report, details, options.explain));
  output.line(result_json(verb, request, *report, details));
  const bool same =
      report->points.equal && (!options.settings_matter || report->config_differences.empty());
  return same ? kExitDone : kExitDifferent;
}

}  // namespace vecferry
