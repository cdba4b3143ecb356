#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/server/collection_internal.h"
#include "vecferry/server/strict_mode.h"
#include "vecferry/server/words.h"
#include "vecferry/transform/select_payload.h"

namespace vecferry::server {
namespace {

constexpr uint64_t kDefaultLimit = 10;

std::optional<std::vector<std::string>> columns_of(const Selection& selection) {
  return selection.vectors ? selection.vector_names : std::vector<std::string>();
}

Result<std::shared_ptr<arrow::RecordBatch>> select_payload(
    std::shared_ptr<arrow::RecordBatch> points, const Selection& selection) {
  if (!selection.payload || (selection.include.empty() && selection.exclude.empty())) {
    return points;
  }
  ARROW_ASSIGN_OR_RAISE(const auto transform, selection.include.empty()
                                                  ? drop_payload(selection.exclude)
                                                  : keep_payload(selection.include));
  return transform->apply(std::move(points));
}

Rows all_rows(std::shared_ptr<arrow::RecordBatch> points) {
  Rows rows;
  rows.rows.resize(static_cast<size_t>(points->num_rows()));
  std::iota(rows.rows.begin(), rows.rows.end(), 0);
  rows.points = std::move(points);
  return rows;
}

// What the engine answers to a query, without the points themselves.
struct Hits {
  std::vector<PointId> ids{};
  std::vector<Score> scores{};
  std::vector<std::string> order_values{};
  std::vector<Json> payloads{};  // when asked for
};

Result<Hits> read_hits(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("points")) {
    return fail({.what = "Service internal error: the engine's answer to a query is odd"});
  }
  Hits hits;
  for (const auto& point : json["points"]) {
    ARROW_ASSIGN_OR_RAISE(const PointId id, read_point_id(point.value("id", Json())));
    hits.ids.push_back(id);
    const Json score = point.value("score", Json());
    hits.scores.push_back({.score = score.is_number() ? score.get<float>() : std::nanf(""),
                           .version = point.value("version", uint64_t{0})});
    if (const auto order = point.find("order_value"); order != point.end()) {
      hits.order_values.push_back(dump(*order));
    }
    hits.payloads.push_back(point.value("payload", Json::object()));
  }
  return hits;
}

// The points of a ranking, in its order. One that was removed meanwhile is left out.
Result<Rows> fetch(const engine::Shard& shard, const Hits& hits, const Selection& selection) {
  ARROW_ASSIGN_OR_RAISE(auto points, in_qdrants_words(shard.retrieve(
                                         hits.ids, columns_of(selection), selection.payload)));
  ARROW_ASSIGN_OR_RAISE(points, select_payload(std::move(points), selection));
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*points));
  std::map<PointId, int64_t> row_of;
  for (int64_t row = 0; row < view.rows(); ++row) {
    row_of.emplace(view.id(row), row);
  }
  Rows rows{.points = std::move(points)};
  for (size_t i = 0; i < hits.ids.size(); ++i) {
    const auto found = row_of.find(hits.ids[i]);
    if (found == row_of.end()) {
      continue;
    }
    rows.rows.push_back(found->second);
    if (!hits.scores.empty()) {
      rows.scores.push_back(hits.scores[i]);
    }
    if (!hits.order_values.empty()) {
      rows.order_values.push_back(hits.order_values[i]);
    }
  }
  return rows;
}

// What says which points come and in which order, without what is shown of them.
Json ranking_of(Json body) {
  for (const char* key : {"with_payload", "with_vector", "with_vectors"}) {
    body.erase(key);
  }
  return body;
}

bool indexed_for_order(const CollectionConfig& config, std::string_view path) {
  for (const auto& index : config.payload_indexes) {
    if (index.path != path) {
      continue;
    }
    const Json schema = Json::parse(index.schema_json, nullptr, false);
    const Json type = schema.is_object() ? schema.value("type", Json()) : schema;
    return type == "float" || type == "datetime" ||
           (type == "integer" && !(schema.is_object() && schema.value("range", Json()) == false));
  }
  return false;
}

Status check_order(const CollectionConfig& config, const Json& order) {
  const Json key = order.is_object() ? order.value("key", Json()) : order;
  if (!key.is_string()) {
    return format_error("data did not match any variant of untagged enum OrderByInterface");
  }
  if (indexed_for_order(config, key.get<std::string>())) {
    return Status::OK();
  }
  return wrong_input(
      fmt::format("No range index for `order_by` key: `{}`. Please create one to use `order_by`. "
                  "Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see "
                  "which payload schemas support Range conditions",
                  key.get<std::string>()));
}

// Values of a payload that a point is grouped under: strings and integers, also those in a list.
std::vector<Json> group_ids(const Json& payload, std::string_view path) {
  const Json* at = &payload;
  size_t start = 0;
  while (start <= path.size()) {
    const size_t dot = std::min(path.find('.', start), path.size());
    const auto found =
        at->is_object() ? at->find(std::string(path.substr(start, dot - start))) : at->end();
    if (!at->is_object() || found == at->end()) {
      return {};
    }
    at = &*found;
    start = dot + 1;
  }
  std::vector<Json> ids;
  const auto add = [&](const Json& value) {
    if ((value.is_string() || value.is_number_integer()) &&
        std::find(ids.begin(), ids.end(), value) == ids.end()) {
      ids.push_back(value);
    }
  };
  if (at->is_array()) {
    std::for_each(at->begin(), at->end(), add);
  } else {
    add(*at);
  }
  return ids;
}

}  // namespace

Status Collection::check_vector_names(const Selection& selection) const {
  if (!selection.vector_names) {
    return Status::OK();
  }
  const auto config = this->config();
  for (const auto& name : *selection.vector_names) {
    if (!config->vector(name).ok()) {
      return wrong_input(fmt::format("Not existing vector name error: {}", name));
    }
  }
  return Status::OK();
}

Result<ScrollPage> Collection::scroll(const ScrollArgs& args) {
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  const auto config = this->config();
  ARROW_RETURN_NOT_OK(check_limit(*config, args.limit));
  ARROW_RETURN_NOT_OK(check_vector_names(args.selection));
  ARROW_ASSIGN_OR_RAISE(const auto filter, read_filter(args.filter));
  const uint64_t limit = args.limit.value_or(kDefaultLimit);
  ScrollPage page;
  if (!args.order_by.empty()) {
    const Json order = Json::parse(args.order_by, nullptr, false);
    ARROW_RETURN_NOT_OK(check_order(*config, order));
    if (args.offset) {
      return bad_request(
          "Cannot use an `offset` when using `order_by`. The alternative for paging is "
          "to use `order_by.start_from` and a filter to exclude the IDs that you've "
          "already seen for the `order_by.start_from` value");
    }
    Json body = {{"query", {{"order_by", order}}}, {"limit", limit}};
    if (filter != nullptr) {
      body["filter"] = Json::parse(filter->json(), nullptr, false);
    }
    ARROW_ASSIGN_OR_RAISE(const auto text, in_qdrants_words(used.shard->query(dump(body))));
    ARROW_ASSIGN_OR_RAISE(Hits hits, read_hits(text));
    hits.scores.clear();
    ARROW_ASSIGN_OR_RAISE(auto rows, fetch(*used.shard, hits, args.selection));
    page.parts.push_back(std::move(rows));
    return page;
  }
  page.next = args.offset;
  uint64_t left = limit;
  do {
    constexpr uint64_t kMost = INT64_MAX;
    ARROW_ASSIGN_OR_RAISE(
        auto scanned,
        in_qdrants_words(used.shard->scan({.range = {.from = page.next},
                                           .row_limit = static_cast<int64_t>(std::min(left, kMost)),
                                           .filter = filter.get(),
                                           .vectors = columns_of(args.selection),
                                           .payload = args.selection.payload})));
    page.next = scanned.next;
    left -= static_cast<uint64_t>(scanned.points->num_rows());
    ARROW_ASSIGN_OR_RAISE(auto points, select_payload(std::move(scanned.points), args.selection));
    page.parts.push_back(all_rows(std::move(points)));
  } while (page.next && left > 0);
  return page;
}

Result<Rows> Collection::retrieve(const RetrieveArgs& args) {
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  ARROW_RETURN_NOT_OK(check_vector_names(args.selection));
  Hits hits;
  std::set<PointId> seen;
  for (const auto& id : args.ids) {
    if (seen.insert(id).second) {
      hits.ids.push_back(id);
    }
  }
  return fetch(*used.shard, hits, args.selection);
}

Result<uint64_t> Collection::count(const CountArgs& args) {
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  ARROW_RETURN_NOT_OK(check_search(*config(), {{"params", {{"exact", args.exact}}}}));
  ARROW_ASSIGN_OR_RAISE(const auto filter, read_filter(args.filter));
  return in_qdrants_words(used.shard->count(filter.get()));
}

Result<Rows> Collection::query(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  ARROW_ASSIGN_OR_RAISE(const auto selection, read_selection(json, {.payload = false}));
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  ARROW_RETURN_NOT_OK(check_search(*config(), json));
  ARROW_RETURN_NOT_OK(check_vector_names(selection));
  ARROW_RETURN_NOT_OK(check_query(json));
  ARROW_ASSIGN_OR_RAISE(const auto text,
                        in_qdrants_words(used.shard->query(dump(ranking_of(json)))));
  ARROW_ASSIGN_OR_RAISE(const Hits hits, read_hits(text));
  return fetch(*used.shard, hits, selection);
}

namespace {

// What a search in groups asks for.
struct Grouping {
  std::string by{};  // payload path
  uint64_t limit = kDefaultLimit;
  uint64_t size = 3;
};

Result<Grouping> read_grouping(const Json& body) {
  Grouping grouping;
  const Json by = body.value("group_by", Json());
  if (!by.is_string()) {
    return format_error("missing field `group_by`");
  }
  grouping.by = by.get<std::string>();
  for (const auto& [key, value] :
       {std::pair("limit", &grouping.limit), std::pair("group_size", &grouping.size)}) {
    const Json number = body.value(key, Json());
    if (number.is_number_unsigned()) {
      *value = number.get<uint64_t>();
    }
    if (*value == 0) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("Validation error in JSON body: [{}: value 0 invalid, must "
                                       "be 1 or larger]",
                                       key)});
    }
  }
  return grouping;
}

using HitGroups = std::vector<std::pair<Json, Hits>>;

HitGroups grouped(const Hits& hits, const Grouping& grouping) {
  HitGroups groups;
  for (size_t i = 0; i < hits.ids.size(); ++i) {
    for (auto& id : group_ids(hits.payloads[i], grouping.by)) {
      auto at = std::find_if(groups.begin(), groups.end(),
                             [&](const auto& group) { return group.first == id; });
      if (at == groups.end()) {
        if (groups.size() >= grouping.limit) {
          continue;
        }
        at = groups.insert(groups.end(), {std::move(id), Hits{}});
      }
      if (at->second.ids.size() < grouping.size) {
        at->second.ids.push_back(hits.ids[i]);
        at->second.scores.push_back(hits.scores[i]);
      }
    }
  }
  return groups;
}

bool full(const HitGroups& groups, const Grouping& grouping) {
  return groups.size() == grouping.limit &&
         std::all_of(groups.begin(), groups.end(),
                     [&](const auto& group) { return group.second.ids.size() == grouping.size; });
}

}  // namespace

Result<std::vector<Group>> Collection::query_groups(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(Json json, parse_body(body));
  ARROW_ASSIGN_OR_RAISE(const auto selection, read_selection(json, {.payload = false}));
  ARROW_ASSIGN_OR_RAISE(const auto grouping, read_grouping(json));
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  ARROW_RETURN_NOT_OK(check_search(*config(), json));
  ARROW_RETURN_NOT_OK(check_vector_names(selection));
  ARROW_RETURN_NOT_OK(check_query(json));
  Json ranking = ranking_of(std::move(json));
  ranking["with_payload"] = Json::array({grouping.by});
  // Ask for more until the groups are full or there is no more.
  constexpr uint64_t kMost = uint64_t{1} << 20;
  uint64_t wanted = std::min(grouping.limit, kMost) * std::min(grouping.size, kMost) * 4;
  for (;; wanted *= 8) {
    wanted = std::min(wanted, kMost);
    ranking["limit"] = wanted;
    ARROW_ASSIGN_OR_RAISE(const auto text, in_qdrants_words(used.shard->query(dump(ranking))));
    ARROW_ASSIGN_OR_RAISE(const Hits hits, read_hits(text));
    const auto groups = grouped(hits, grouping);
    if (!full(groups, grouping) && hits.ids.size() >= wanted && wanted < kMost) {
      continue;
    }
    std::vector<Group> answer;
    for (const auto& [id, members] : groups) {
      ARROW_ASSIGN_OR_RAISE(auto rows, fetch(*used.shard, members, selection));
      answer.push_back({.id = dump(id), .hits = std::move(rows)});
    }
    return answer;
  }
}

Result<std::string> Collection::facet(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  ARROW_RETURN_NOT_OK(check_search(*config(), json));
  if (const auto filter = json.find("filter"); filter != json.end() && !filter->is_null()) {
    ARROW_RETURN_NOT_OK(read_filter(dump(*filter)).status());
  }
  return in_qdrants_words(used.shard->facet(dump(json)));
}

}  // namespace vecferry::server
