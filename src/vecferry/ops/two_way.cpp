#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "vecferry/base/durable_file.h"
#include "vecferry/model/datetime.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/payload_field.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/sync.h"
#include "vecferry/ops/sync_sides_internal.h"
#include "vecferry/pipeline/row_choices.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

// When a point was written, as its field says: numbers and dates do not compare with each other.
struct Moment {
  bool is_date = false;
  double value = 0;
};

Result<Moment> moment_of(const FieldValue& value, const std::string& field) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    return Moment{.value = static_cast<double>(*integer)};
  }
  if (const auto* natural = std::get_if<uint64_t>(&value)) {
    return Moment{.value = static_cast<double>(*natural)};
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return Moment{.value = *real};
  }
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (const auto date = parse_datetime(*text)) {
      return Moment{.is_date = true, .value = static_cast<double>(*date)};
    }
  }
  return fail(
      {.kind = ErrorKind::kIncompatible,
       .what = fmt::format("'{}' is '{}', neither a number nor a date", field, to_string(value)),
       .next = "choose another field for --prefer newest:FIELD"});
}

using Moments = std::map<PointId, Moment>;

Status read_moments(const arrow::RecordBatch& batch, const std::string& path, PayloadField& field,
                    Moments* moments) {
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
  for (int64_t row = 0; row < points.rows(); ++row) {
    const auto take = [&](const FieldValue& value) -> Status {
      ARROW_ASSIGN_OR_RAISE(const auto moment, moment_of(value, path));
      auto& newest = moments->try_emplace(points.id(row), moment).first->second;
      newest = moment.value > newest.value ? moment : newest;
      return Status::OK();
    };
    const auto read = field.values(points.payload(row), take);
    ARROW_RETURN_NOT_OK(widen(read.status(), "point " + to_string(points.id(row))));
  }
  return Status::OK();
}

// The moments of these points of one side.
Result<Moments> moments_of(const OpenedEnd& end, const Ids& ids, const std::string& path,
                           const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto field, PayloadField::make(path));
  const Source source{.backend = end.backend.get(),
                      .collection = end.collection,
                      .vectors = std::vector<std::string>(),
                      .rows = choose_ids(std::make_shared<const Ids>(ids), Listed::kKept)};
  ARROW_ASSIGN_OR_RAISE(const auto reader, open_source(source, {}, stop));
  Moments moments;
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return moments;
    }
    ARROW_RETURN_NOT_OK(widen(read_moments(*batch, path, field, &moments), end.label));
  }
}

struct Verdict {
  Ids left_wins{};
  Ids right_wins{};
};

Result<Verdict> judge(const TwoWayRequest& request, const Ids& conflicts, const StopToken& stop) {
  switch (request.preference.kind) {
    case Preference::Kind::kLeft:
      return Verdict{.left_wins = conflicts};
    case Preference::Kind::kRight:
      return Verdict{.right_wins = conflicts};
    case Preference::Kind::kNewest:
      break;
  }
  const std::string& field = request.preference.field;
  ARROW_ASSIGN_OR_RAISE(const auto left, moments_of(request.left, conflicts, field, stop));
  ARROW_ASSIGN_OR_RAISE(const auto right, moments_of(request.right, conflicts, field, stop));
  Verdict verdict;
  for (const auto& id : conflicts) {
    const auto l = left.find(id);
    const auto r = right.find(id);
    if (l != left.end() && r != right.end() && l->second.is_date != r->second.is_date) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("'{}' of point {} is a date on one side and a number on the "
                                       "other",
                                       field, to_string(id)),
                   .where = request.left.label + " and " + request.right.label,
                   .next = "choose another field for --prefer newest:FIELD, or left or right"});
    }
    const bool right_is_newer =
        r != right.end() && (l == left.end() || r->second.value > l->second.value);
    (right_is_newer ? verdict.right_wins : verdict.left_wins).push_back(id);
  }
  return verdict;
}

Json id_json(const PointId& id) {
  return id.is_uuid ? Json(to_string(id)) : Json(id.number);
}

std::string conflict_report(const TwoWayRequest& request, const Verdict& verdict) {
  Json conflicts = Json::array();
  for (const auto& id : merged(verdict.left_wins, verdict.right_wins)) {
    const bool right = std::binary_search(verdict.right_wins.begin(), verdict.right_wins.end(), id);
    conflicts.push_back({{"id", id_json(id)}, {"kept", right ? "right" : "left"}});
  }
  return Json{{"left", request.left.label},
              {"right", request.right.label},
              {"conflicts", std::move(conflicts)}}
      .dump(1);
}

}  // namespace

Result<Preference> parse_preference(const std::string& text) {
  if (text == "left") {
    return Preference{.kind = Preference::Kind::kLeft};
  }
  if (text == "right") {
    return Preference{.kind = Preference::Kind::kRight};
  }
  constexpr std::string_view kNewest = "newest:";
  if (text.starts_with(kNewest) && text.size() > kNewest.size()) {
    Preference preference{.kind = Preference::Kind::kNewest, .field = text.substr(kNewest.size())};
    ARROW_RETURN_NOT_OK(PayloadField::make(preference.field).status());
    return preference;
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("--prefer takes left, right or newest:FIELD, got '{}'", text),
               .next = "for example --prefer newest:updated_at"});
}

Result<OperationPlan> plan_two_way(const TwoWayRequest& request, Desk desk) {
  ARROW_RETURN_NOT_OK(check_changeable(request.left));
  ARROW_RETURN_NOT_OK(check_changeable(request.right));
  if (request.left.address == request.right.address) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "both sides are the same collection",
                 .where = request.right.label,
                 .next = "name another one"});
  }
  ARROW_ASSIGN_OR_RAISE(const auto to_right,
                        open_direction(whole_source(request.left), request.right, desk));
  ARROW_ASSIGN_OR_RAISE(const auto to_left,
                        open_direction(whole_source(request.right), request.left, desk));
  ARROW_ASSIGN_OR_RAISE(auto found, compare_all(to_right, request.memory_bytes, desk));
  ARROW_ASSIGN_OR_RAISE(auto verdict, judge(request, found.different_ids, desk.stop));
  OperationPlan plan{.verb = "sync",
                     .source = request.left.label,
                     .target = request.right.label,
                     .points = found.missing + found.extra + found.different,
                     .notes = {"both ways: nothing is removed on either side"},
                     .way_back = request.backup ? "undo brings back what was replaced on each side"
                                                : "none for what is replaced (--no-backup)"};
  plan.details = Json{{"points_left", found.a.count},
                      {"points_right", found.b.count},
                      {"to_right", found.missing},
                      {"to_left", found.extra},
                      {"conflicts", found.different},
                      {"left_wins", verdict.left_wins.size()},
                      {"right_wins", verdict.right_wins.size()}}
                     .dump();
  plan.files.push_back(
      {.name = std::string(kConflictReportFile),
       .write = [report = conflict_report(request, verdict)](const std::filesystem::path& path) {
         return write_durably(path, report);
       }});
  if (found.different > 0) {
    plan.notes.push_back(
        fmt::format("{} points differ on both sides; which one stays is in conflicts.json of the "
                    "operation (`vecferry show`)",
                    found.different));
  }
  Changes right{.added = std::move(found.missing_ids), .replaced = std::move(verdict.left_wins)};
  Changes left{.added = std::move(found.extra_ids), .replaced = std::move(verdict.right_wins)};
  if (!right.empty()) {
    add_changes(to_right, std::move(right), request.backup, request.memory_bytes, &plan);
  }
  if (!left.empty()) {
    add_changes(to_left, std::move(left), request.backup, request.memory_bytes, &plan);
  }
  ARROW_RETURN_NOT_OK(estimate(request.left, &plan, desk.stop));
  return plan;
}

}  // namespace vecferry
