#include "vecferry/server/collections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "arrow/record_batch.h"
#include "tests/support/temp_dir.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::server {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr std::string_view kPlain = R"({"vectors":{"size":2,"distance":"Dot"}})";

class CollectionsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Collections> open(CollectionsOptions options = {}) {
    return Collections::open({dir_.path() / "place"}, options).ValueOrDie();
  }

  static std::shared_ptr<Collection> make(Collections& collections, std::string_view name) {
    EXPECT_TRUE(collections.create(name, kPlain).ok());
    return collections.find(name).ValueOrDie();
  }

  // Points with the ids [first, first + count), each with {"n": id}.
  static std::shared_ptr<arrow::RecordBatch> points(const Collection& collection, uint64_t first,
                                                    uint64_t count, std::string_view more = "") {
    const auto builder = PointsBuilder::make(collection.schema().ValueOrDie()).ValueOrDie();
    for (uint64_t id = first; id < first + count; ++id) {
      EXPECT_TRUE(builder->start_point(PointId::of(id)).ok());
      EXPECT_TRUE(builder->append_vector(0, std::vector<float>{static_cast<float>(id), 1}).ok());
      EXPECT_TRUE(
          builder->append_payload("{\"n\":" + std::to_string(id) + std::string(more) + "}").ok());
    }
    return builder->finish().ValueOrDie();
  }

  static std::vector<uint64_t> ids(const Rows& rows) {
    const auto view = PointsView::make(*rows.points).ValueOrDie();
    std::vector<uint64_t> numbers;
    for (const int64_t row : rows.rows) {
      numbers.push_back(view.id(row).number);
    }
    return numbers;
  }

  static std::string payload(Collection& collection, uint64_t id) {
    const auto rows =
        collection.retrieve({.ids = {PointId::of(id)}, .selection = {.payload = true}})
            .ValueOrDie();
    return std::string(PointsView::make(*rows.points).ValueOrDie().payload(rows.rows.at(0)));
  }

  testing::TempDir dir_;
};

TEST_F(CollectionsTest, NumbersOfOperationsRiseAndAreTheVersionsOfPoints) {
  const auto collections = open();
  const auto collection = make(*collections, "c");
  EXPECT_EQ(collection->upsert(points(*collection, 1, 3))->operation_id, 1U);
  EXPECT_EQ(collection->upsert(points(*collection, 2, 1))->operation_id, 2U);
  const auto found = collection->query(R"({"query":[1,0],"limit":3})").ValueOrDie();
  EXPECT_THAT(ids(found), ElementsAre(3, 2, 1));
  EXPECT_EQ(found.scores.at(0).version, 1U);
  EXPECT_EQ(found.scores.at(1).version, 2U);
  EXPECT_EQ(collection->create_index({.path = "n", .schema_json = "\"integer\""})->operation_id,
            4U);
  EXPECT_EQ(collection->apply(R"({"delete":{"points":[3]}})")->operation_id, 5U);
  EXPECT_EQ(collection->upsert(points(*collection, 3, 1))->operation_id, 6U);
  EXPECT_EQ(collection->query(R"({"query":[1,0],"limit":1})")->scores.at(0).version, 6U);
}

TEST_F(CollectionsTest, WhatWasWrittenIsThereAfterAnotherOpen) {
  {
    const auto collections = open();
    const auto collection = make(*collections, "c");
    ASSERT_TRUE(collection->upsert(points(*collection, 1, 5)).ok());
    ASSERT_TRUE(collection->create_index({.path = "n", .schema_json = "\"integer\""}).ok());
    ASSERT_TRUE(collection->patch(R"({"hnsw_config":{"m":24}})").ok());
    ASSERT_TRUE(
        collections
            ->change_aliases(
                R"({"actions":[{"create_alias":{"collection_name":"c","alias_name":"a"}}]})")
            .ok());
  }
  const auto collections = open({.read_only = true});
  EXPECT_THAT(collections->names(), ElementsAre("c"));
  const auto collection = collections->find("a").ValueOrDie();
  EXPECT_EQ(collection->count({}).ValueOrDie(), 5U);
  const auto info = Json::parse(collection->info().ValueOrDie());
  EXPECT_EQ(info["config"]["hnsw_config"]["m"], 24);
  EXPECT_EQ(info["payload_schema"]["n"]["points"], 5);
  const auto refused = collection->upsert(points(*collection, 9, 1));
  EXPECT_EQ(kind_of(refused.status()), ErrorKind::kRefused);
}

TEST_F(CollectionsTest, PagesOfAScrollMeetWithoutGapOrOverlap) {
  const auto collections = open();
  const auto collection = make(*collections, "c");
  ASSERT_TRUE(collection->upsert(points(*collection, 0, 700)).ok());
  std::vector<uint64_t> all;
  ScrollArgs args{.limit = 300};
  do {
    const auto page = collection->scroll(args).ValueOrDie();
    for (const auto& part : page.parts) {
      const auto numbers = ids(part);
      all.insert(all.end(), numbers.begin(), numbers.end());
    }
    args.offset = page.next;
  } while (args.offset);
  ASSERT_EQ(all.size(), 700U);
  for (uint64_t i = 0; i < 700; ++i) {
    EXPECT_EQ(all[i], i);
  }
}

TEST_F(CollectionsTest, APageThatEndsAtTheEndSaysSo) {
  const auto collections = open();
  const auto collection = make(*collections, "c");
  ASSERT_TRUE(collection->upsert(points(*collection, 0, 4)).ok());
  EXPECT_FALSE(collection->scroll({.limit = 4})->next.has_value());
  EXPECT_EQ(collection->scroll({.limit = 3})->next, PointId::of(3));
  const auto filtered =
      collection->scroll({.limit = 2, .filter = R"({"must":[{"key":"n","range":{"lt":2}}]})"});
  EXPECT_FALSE(filtered->next.has_value());
}

TEST_F(CollectionsTest, ModesOfAnUpsertLeaveAloneWhatTheySay) {
  const auto collections = open();
  const auto collection = make(*collections, "c");
  ASSERT_TRUE(collection->upsert(points(*collection, 1, 2)).ok());
  ASSERT_TRUE(
      collection
          ->upsert(points(*collection, 1, 3, R"(,"new":1)"), {.mode = UpdateMode::kInsertOnly})
          .ok());
  EXPECT_EQ(payload(*collection, 1), R"({"n":1})");
  EXPECT_EQ(payload(*collection, 3), R"({"n":3,"new":1})");
  ASSERT_TRUE(
      collection
          ->upsert(points(*collection, 2, 5, R"(,"newer":1)"), {.mode = UpdateMode::kUpdateOnly})
          .ok());
  EXPECT_EQ(collection->count({}).ValueOrDie(), 3U);
  EXPECT_EQ(payload(*collection, 2), R"({"n":2,"newer":1})");
  ASSERT_TRUE(collection
                  ->upsert(points(*collection, 1, 4, R"(,"last":1)"),
                           {.filter = R"({"must":[{"key":"n","match":{"value":1}}]})"})
                  .ok());
  EXPECT_EQ(payload(*collection, 1), R"({"last":1,"n":1})");
  EXPECT_EQ(payload(*collection, 2), R"({"n":2,"newer":1})");
  EXPECT_EQ(payload(*collection, 4), R"({"last":1,"n":4})");
}

TEST_F(CollectionsTest, ErrorsAreInQdrantsWords) {
  const auto collections = open();
  const auto collection = make(*collections, "c");
  EXPECT_EQ(collections->find("none").status().message(),
            "Not found: Collection `none` doesn't exist!");
  EXPECT_EQ(collections->create("c", kPlain).message(),
            "Wrong input: Collection `c` already exists!");
  EXPECT_EQ(collection->query(R"({"query":[1,2,3]})").status().message(),
            "Wrong input: Vector dimension error: expected dim: 2, got 3");
  EXPECT_EQ(collection->apply(R"({"delete":{}})").status().message(),
            "Format error in JSON body: data did not match any variant of untagged enum "
            "PointsSelector");
  EXPECT_THAT(collection->scroll({.order_by = "\"n\""}).status().message(),
              StartsWith("Wrong input: No range index for `order_by` key: `n`."));
  EXPECT_EQ(collection->upsert(points(*collection, 1, 0)).status().message(),
            "Bad request: Empty update request");
  EXPECT_THAT(collection->query(R"({"query":{"formula":{}}})").status().message(),
              StartsWith("Not implemented: "));
}

TEST_F(CollectionsTest, ADroppedCollectionTurnsItsUsersAway) {
  const auto collections = open();
  const auto collection = make(*collections, "c");
  ASSERT_TRUE(collections->drop("c").ValueOrDie());
  EXPECT_FALSE(collections->drop("c").ValueOrDie());
  EXPECT_EQ(kind_of(collection->count({}).status()), ErrorKind::kNotFound);
  EXPECT_TRUE(collections->create("c", kPlain).ok());
}

TEST_F(CollectionsTest, ANameInTwoPlacesIsRefused) {
  for (const char* place : {"one", "two"}) {
    const auto collections = Collections::open({dir_.path() / place}).ValueOrDie();
    ASSERT_TRUE(collections->create("same", kPlain).ok());
  }
  const auto both = Collections::open({dir_.path() / "one", dir_.path() / "two"});
  EXPECT_EQ(kind_of(both.status()), ErrorKind::kConflict);
}

TEST_F(CollectionsTest, GroupsAreFilledInTheOrderOfScores) {
  const auto collections = open();
  const auto collection = make(*collections, "c");
  ASSERT_TRUE(collection->upsert(points(*collection, 0, 10, R"(,"g":["even","x"])")).ok());
  ASSERT_TRUE(collection->upsert(points(*collection, 20, 10, R"(,"g":"odd")")).ok());
  const auto groups =
      collection->query_groups(R"({"query":[1,0],"group_by":"g","limit":2,"group_size":3})")
          .ValueOrDie();
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].id, "\"odd\"");
  EXPECT_THAT(ids(groups[0].hits), ElementsAre(29, 28, 27));
  EXPECT_EQ(groups[1].id, "\"even\"");
  EXPECT_THAT(ids(groups[1].hits), ElementsAre(9, 8, 7));
}

TEST_F(CollectionsTest, IndexesAreBuiltInTheBackground) {
  const auto collections = open();
  ASSERT_TRUE(collections
                  ->create("c", R"({"vectors":{"size":2,"distance":"Dot"},
                                    "optimizers_config":{"indexing_threshold":10}})")
                  .ok());
  const auto collection = collections->find("c").ValueOrDie();
  const auto indexed = [&] {
    const auto info = Json::parse(collection->info().ValueOrDie());
    return info["indexed_vectors_count"].get<int>();
  };
  ASSERT_TRUE(collection->upsert(points(*collection, 0, 20'000)).ok());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (indexed() < 20'000 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(indexed(), 20'000);
  EXPECT_EQ(collection->count({}).ValueOrDie(), 20'000U);
  // Patched settings are taken over, and points stay readable meanwhile and after.
  ASSERT_TRUE(collection->patch(R"({"hnsw_config":{"m":4}})").ok());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(collection->retrieve({.ids = {PointId::of(7)}})->rows.size(), 1U);
  }
  ASSERT_TRUE(collection->upsert(points(*collection, 20'000, 1)).ok());
  EXPECT_EQ(collection->count({}).ValueOrDie(), 20'001U);
}

TEST_F(CollectionsTest, ADropInterruptsTheBuildingOfIndexes) {
  const auto collections = open();
  for (int round = 0; round < 3; ++round) {
    const auto created = collections->create("c", R"({"vectors":{"size":2,"distance":"Dot"},
                                      "optimizers_config":{"indexing_threshold":10}})");
    ASSERT_TRUE(created.ok()) << created.ToString();
    const auto collection = collections->find("c").ValueOrDie();
    ASSERT_TRUE(collection->upsert(points(*collection, 0, 20'000)).ok());
    ASSERT_TRUE(collection->patch(R"({"hnsw_config":{"ef_construct":200}})").ok());
    std::thread optimise([&] { discard(collection->optimise(), "interrupted or not"); });
    EXPECT_TRUE(collections->drop("c").ValueOrDie());
    optimise.join();
  }
  EXPECT_FALSE(collections->exists("c"));
}

}  // namespace
}  // namespace vecferry::server
