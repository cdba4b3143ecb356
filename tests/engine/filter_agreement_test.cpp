// Filters mean the same to the engine and to our own evaluation (model/filter_match.cpp): random
// points and random filters, and both answers compared.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "tests/support/temp_dir.h"
#include "vecferry/engine/shard.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/filter.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

using Json = nlohmann::json;

// Few fields and few values, so that conditions meet them.
class Random {
 public:
  explicit Random(uint64_t seed) : random_(seed) {}

  Json payload() {
    Json object = Json::object();
    for (const char* key : {"a", "b", "two words", "g", "when", "text", "items", "größe"}) {
      if (!one_in(4)) {
        object[key] = value_of(key);
      }
    }
    return object;
  }

  Json filter(int depth) {
    Json clause = Json::object();
    for (const char* list : {"must", "should", "must_not"}) {
      if (one_in(3)) {
        clause[list] = one_in(8) ? condition(depth) : conditions(depth, one_in(12) ? 0 : 1);
      }
    }
    if (one_in(6)) {
      clause["min_should"] = {{"conditions", conditions(depth, 1)}, {"min_count", 1 + below(3)}};
    }
    if (clause.empty() && !one_in(10)) {
      clause["must"] = conditions(depth, 1);
    }
    return clause;
  }

  PointId id() {
    if (!one_in(3)) {
      return PointId::of(uint64_t{below(200)});
    }
    Uuid uuid{};
    uuid[0] = static_cast<uint8_t>(below(3));
    uuid[15] = static_cast<uint8_t>(below(40));
    return PointId::of(uuid);
  }

  size_t below(size_t limit) { return static_cast<size_t>(random_() % limit); }
  bool one_in(size_t count) { return below(count) == 0; }

 private:
  template <size_t N>
  const char* pick(const char* const (&words)[N]) {
    return words[below(N)];
  }

  const char* word() {
    return pick({"x", "X", "red", "red apple", "Red, green", "äpfel", "ÄPFEL und 2 birnen", "",
                 "10", "greens"});
  }

  const char* moment() {
    return pick({"2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01T02:00:00+02:00",
                 "2024-01-01 00:00:00.000001", "2024-06-15T12:30", "1969-12-31T23:59:59.5Z",
                 "2024-01-01T00:00:00.1234567Z", "2024-1-2", "2024-01-01T00:00:00 +0100",
                 "2024-01-01t00:00:00z", "2016-12-31T23:59:60Z"});
  }

  Json number() {
    if (one_in(12)) {
      return std::vector<Json>{18446744073709551615U, INT64_MIN, INT64_MAX, 1e30}[below(4)];
    }
    const auto quarter = static_cast<int64_t>(below(24)) - 8;
    return one_in(2) ? Json(quarter) : Json(static_cast<double>(quarter) / 4);
  }

  Json geo_point() {
    return {{"lon", static_cast<double>(below(721)) / 2 - 180},
            {"lat", static_cast<double>(below(361)) / 2 - 90}};
  }

  // Around one place, so that areas and points meet.
  Json near_point() {
    return {{"lon", static_cast<double>(below(41)) / 4},
            {"lat", static_cast<double>(below(41)) / 4}};
  }

  Json scalar() {
    switch (below(7)) {
      case 0:
        return nullptr;
      case 1:
        return one_in(2);
      case 2:
      case 3:
        return number();
      case 4:
        return moment();
      default:
        return word();
    }
  }

  Json value_of(const std::string& key) {
    if (one_in(10)) {
      return std::vector<Json>{nullptr, Json::array(), Json::object(), Json::array({nullptr}),
                               Json::array({Json::array({"x", 1})})}[below(5)];
    }
    if (one_in(3)) {
      Json list = Json::array();
      for (size_t i = below(4); i > 0; --i) {
        list.push_back(single_value_of(key));
      }
      return list;
    }
    return single_value_of(key);
  }

  Json single_value_of(const std::string& key) {
    if (key == "g") {
      return one_in(4) ? geo_point() : near_point();
    }
    if (key == "when") {
      return one_in(8) ? scalar() : Json(moment());
    }
    if (key == "text") {
      return word();
    }
    if (key == "items") {
      return {{"x", scalar()}, {"y", Json::array({scalar(), scalar()})}};
    }
    return one_in(6) ? Json{{"b", scalar()}} : scalar();
  }

  Json conditions(int depth, size_t fewest) {
    Json list = Json::array();
    for (size_t i = fewest == 0 ? 0 : fewest + below(3); i > 0; --i) {
      list.push_back(condition(depth));
    }
    return list;
  }

  const char* path() {
    return pick({"a", "b", "a.b", "\"two words\"", "g", "when", "text", "größe", "items[].x",
                 "items[0].x", "items[].y", "items[].y[]", "items", "missing", "a[]", "b[1]",
                 "a[].b"});
  }

  Json condition(int depth) {
    switch (below(depth > 0 ? 14 : 12)) {
      case 0:
        return {{"is_empty", {{"key", path()}}}};
      case 1:
        return {{"is_null", {{"key", path()}}}};
      case 2:
        return has_id();
      case 3:
        return {{"has_vector", pick({"v", "w", "none"})}};
      case 4: {
        const size_t total = 1 + below(5);
        return {{"slice", {{"total", total}, {"index", below(total)}}}};
      }
      case 12:
        return filter(depth - 1);
      case 13:
        return {
            {"nested",
             {{"key", pick({"items", "items[]", "a", "missing"})}, {"filter", nested_filter()}}}};
      default:
        return field();
    }
  }

  Json nested_filter() {
    Json inner = {{"must", Json::array()}};
    for (size_t i = 1 + below(2); i > 0; --i) {
      Json one = field();
      one["key"] = pick({"x", "y", "y[]", "b", "missing"});
      inner[one_in(4) ? "must_not" : "must"].push_back(one);
    }
    if (one_in(6)) {
      inner["should"] = Json::array({has_id(), {{"has_vector", "v"}}});
    }
    return inner;
  }

  Json has_id() {
    Json ids = Json::array();
    for (size_t i = below(40); i > 0; --i) {
      const PointId point = id();
      ids.push_back(point.is_uuid ? Json(to_string(point)) : Json(point.number));
    }
    return {{"has_id", ids}};
  }

  Json field() {
    Json condition = {{"key", path()}};
    add_test(&condition);
    if (one_in(12)) {
      add_test(&condition);  // one of several has to hold
    }
    return condition;
  }

  void add_test(Json* condition) {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        (*condition)["match"] = match();
        return;
      case 3:
      case 4:
        (*condition)["range"] = bounds([&] { return number(); });
        return;
      case 5:
        (*condition)["key"] = "when";
        (*condition)["range"] = bounds([&] { return Json(moment()); });
        return;
      case 6:
        (*condition)["values_count"] = bounds([&] { return Json(below(4)); });
        return;
      case 7:
        (*condition)[one_in(2) ? "is_empty" : "is_null"] = one_in(2);
        return;
      default:
        (*condition)["key"] = "g";
        add_area(condition);
        return;
    }
  }

  void add_area(Json* condition) {
    switch (below(3)) {
      case 0:
        (*condition)["geo_radius"] = {{"center", near_point()},
                                      {"radius", 1000 * static_cast<double>(below(800))}};
        return;
      case 1:
        (*condition)["geo_bounding_box"] = {{"top_left", near_point()},
                                            {"bottom_right", near_point()}};
        return;
      default: {
        Json polygon = {{"exterior", ring()}};
        if (one_in(2)) {
          polygon["interiors"] = Json::array({ring()});
        }
        (*condition)["geo_polygon"] = polygon;
        return;
      }
    }
  }

  Json ring() {
    Json points = Json::array();
    for (size_t i = 3 + below(3); i > 0; --i) {
      points.push_back(near_point());
    }
    const Json first = points[0];
    points.push_back(first);
    return {{"points", points}};
  }

  Json match() {
    switch (below(8)) {
      case 0:
        return {{"text", word()}};
      case 1:
        return {{"text_any", word()}};
      case 2:
        return {{"phrase", word()}};
      case 3:
        return {{one_in(2) ? "prefix" : "substring", pick({"r", "re", "apple", "ÄPFEL", ""})}};
      case 4:
        return {{one_in(2) ? "any" : "except", words()}};
      case 5:
        return {{one_in(2) ? "any" : "except", integers()}};
      default:
        return {{"value", match_value()}};
    }
  }

  Json words() {
    Json list = Json::array();
    for (size_t i = below(16); i > 0; --i) {
      list.push_back(word());
    }
    return list;
  }

  Json integers() {
    Json list = Json::array();
    for (size_t i = 1 + below(16); i > 0; --i) {
      list.push_back(static_cast<int64_t>(below(12)) - 4);
    }
    return list;
  }

  Json match_value() {
    switch (below(4)) {
      case 0:
        return one_in(2);
      case 1:
        return static_cast<int64_t>(below(12)) - 4;
      case 2:
        return moment();
      default:
        return word();
    }
  }

  template <typename Make>
  Json bounds(Make make) {
    Json range = Json::object();
    for (const char* bound : {"lt", "lte", "gt", "gte"}) {
      if (one_in(3)) {
        range[bound] = make();
      }
    }
    return range;
  }

  std::mt19937_64 random_;
};

std::shared_ptr<arrow::RecordBatch> random_points(Random& random, const CollectionConfig& config) {
  std::set<PointId> ids;
  for (int i = 0; i < 120; ++i) {
    ids.insert(random.id());
  }
  auto builder = PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
  for (const PointId& id : ids) {
    EXPECT_TRUE(builder->start_point(id).ok());
    if (!random.one_in(3)) {
      EXPECT_TRUE(builder->append_vector(0, std::vector<float>{1, 2}).ok());
    }
    const std::string payload = random.payload().dump();
    EXPECT_TRUE(builder->append_payload(canonical_payload(payload).ValueOrDie()).ok());
  }
  return builder->finish().ValueOrDie();
}

std::set<PointId> ids_of(const arrow::RecordBatch& batch) {
  const auto points = PointsView::make(batch).ValueOrDie();
  std::set<PointId> ids;
  for (int64_t row = 0; row < points.rows(); ++row) {
    ids.insert(points.id(row));
  }
  return ids;
}

std::set<PointId> found_by_engine(const engine::Shard& shard, const Filter& filter) {
  std::set<PointId> ids;
  engine::ScanRequest request{.filter = &filter};
  for (;;) {
    const auto page = shard.scan(request);
    if (!page.ok()) {
      ADD_FAILURE() << page.status() << " for " << filter.json();
      return ids;
    }
    ids.merge(ids_of(*page->points));
    if (!page->next) {
      return ids;
    }
    request.range.from = page->next;
  }
}

std::string payload_of(const arrow::RecordBatch& batch, const PointId& id) {
  const auto points = PointsView::make(batch).ValueOrDie();
  for (int64_t row = 0; row < points.rows(); ++row) {
    if (points.id(row) == id) {
      return std::string(points.payload(row));
    }
  }
  return "";
}

void expect_agreement(uint64_t seed) {
  Random random(seed);
  const testing::TempDir folder;
  const auto config = default_config({{.name = "v", .dim = 2, .distance = Distance::kDot},
                                      {.name = "w", .dim = 2, .distance = Distance::kDot}});
  const auto batch = random_points(random, config);
  auto shard = engine::Shard::create(folder.path() / "shard", config, {.wal = false});
  ASSERT_TRUE(shard.ok()) << shard.status();
  ASSERT_TRUE((*shard)->upsert(*batch).ok());

  size_t matched = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string json = random.filter(2).dump();
    const auto filter = Filter::parse(json);
    ASSERT_TRUE(filter.ok()) << filter.status().message();
    const auto ours = keep_matching(batch, **filter);
    ASSERT_TRUE(ours.ok()) << ours.status();
    const auto our_ids = ids_of(**ours);
    const auto engine_ids = found_by_engine(**shard, **filter);
    std::vector<PointId> different;
    std::set_symmetric_difference(our_ids.begin(), our_ids.end(), engine_ids.begin(),
                                  engine_ids.end(), std::back_inserter(different));
    ASSERT_TRUE(different.empty())
        << "seed " << seed << ", filter " << i << ": " << json << "\n"
        << different.size() << " points differ; "
        << (our_ids.count(different[0]) != 0 ? "only ours" : "only the engine") << " matches point "
        << to_string(different[0]) << ": " << payload_of(*batch, different[0]);
    matched += our_ids.empty() || our_ids.size() == static_cast<size_t>(batch->num_rows()) ? 0 : 1;
  }
  EXPECT_GT(matched, 100U) << "too few filters tell points apart";
}

TEST(FilterAgreement, OursAndTheEnginesAnswersAreTheSame) {
  for (uint64_t seed = 1; seed <= 6 && !HasFailure(); ++seed) {
    expect_agreement(seed);
  }
}

}  // namespace
}  // namespace vecferry
