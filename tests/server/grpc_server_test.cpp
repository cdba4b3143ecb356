// The gRPC face as clients meet it: keys, limits, what is not served, many at once, and the end.

#include "vecferry/server/grpc_server.h"

#include <collections.pb.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <points.pb.h>
#include <qdrant.pb.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>

#include "tests/server/grpc_client.h"
#include "tests/support/temp_dir.h"

namespace vecferry::server {
namespace {

using namespace vecferry::testing;  // NOLINT(google-build-using-namespace): test helpers
using ::testing::HasSubstr;

constexpr int kDim = 8;

qdrant::UpsertPoints upsert_of(uint64_t first, int count) {
  qdrant::UpsertPoints request;
  request.set_collection_name("c");
  request.set_wait(true);
  for (int i = 0; i < count; ++i) {
    const uint64_t id = first + static_cast<uint64_t>(i);
    auto* point = request.add_points();
    point->mutable_id()->set_num(id);
    auto* dense = point->mutable_vectors()->mutable_vector()->mutable_dense();
    for (int d = 0; d < kDim; ++d) {
      dense->add_data(static_cast<float>(id % 97) + static_cast<float>(d));
    }
    (*point->mutable_payload())["n"].set_integer_value(static_cast<int64_t>(id));
    (*point->mutable_payload())["third"].set_integer_value(static_cast<int64_t>(id % 3));
  }
  return request;
}

class GrpcServerTest : public ::testing::Test {
 protected:
  void serve(GrpcOptions options = {}) {
    options.address = "127.0.0.1:0";
    collections_ = Collections::open({temp_.path() / "place"}).ValueOrDie();
    server_ = GrpcServer::start(collections_.get(), options).ValueOrDie();
    client_ = std::make_unique<GrpcClient>(server_->port());
  }

  void make_collection() {
    qdrant::CreateCollection create;
    create.set_collection_name("c");
    auto* vector = create.mutable_vectors_config()->mutable_params();
    vector->set_size(kDim);
    vector->set_distance(qdrant::Euclid);
    EXPECT_TRUE(
        client_->ask<qdrant::CollectionOperationResponse>("/qdrant.Collections/Create", create)
            .result());
  }

  qdrant::PointsOperationResponse upsert(uint64_t first, int count) {
    return client_->ask<qdrant::PointsOperationResponse>("/qdrant.Points/Upsert",
                                                         upsert_of(first, count));
  }

  uint64_t count() {
    qdrant::CountPoints request;
    request.set_collection_name("c");
    return client_->ask<qdrant::CountResponse>("/qdrant.Points/Count", request).result().count();
  }

  TempDir temp_{};
  std::unique_ptr<Collections> collections_{};
  std::unique_ptr<GrpcServer> server_{};
  std::unique_ptr<GrpcClient> client_{};
};

TEST_F(GrpcServerTest, AsksForAKeyButNotOfHealthChecks) {
  serve({.api_keys = {"secret", "other"}});
  const qdrant::ListCollectionsRequest list;
  const auto ask = [&](const std::multimap<std::string, std::string>& metadata) {
    return client_->refusal("/qdrant.Collections/List", list, metadata);
  };
  const auto none = ask({});
  EXPECT_EQ(none.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(none.error_message(), "Must provide an API key or an Authorization bearer token");
  for (const char* wrong : {"secre", "secret2", "Secret", "x"}) {
    const auto refused = ask({{"api-key", wrong}});
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED) << wrong;
    EXPECT_EQ(refused.error_message(), "Invalid API key or JWT");
  }
  EXPECT_EQ(ask({{"authorization", "secret"}}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(ask({{"api-key", "secret"}}).ok());
  EXPECT_TRUE(ask({{"api-key", "other"}}).ok());
  EXPECT_TRUE(ask({{"authorization", "Bearer secret"}}).ok());
  EXPECT_EQ(client_->refusal("/qdrant.No/Such", list).error_code(),
            grpc::StatusCode::UNAUTHENTICATED)
      << "who has no key learns nothing";

  EXPECT_TRUE(client_->refusal("/grpc.health.v1.Health/Check", list).ok());
  EXPECT_EQ(client_
                ->ask<qdrant::HealthCheckReply>("/qdrant.Qdrant/HealthCheck",
                                                qdrant::HealthCheckRequest())
                .title(),
            "qdrant - vector search engine");
}

TEST_F(GrpcServerTest, AKeyThatMayOnlyReadReads) {
  serve();
  make_collection();
  server_ = GrpcServer::start(
                collections_.get(),
                {.address = "127.0.0.1:0", .api_keys = {"full"}, .read_only_api_keys = {"read"}})
                .ValueOrDie();
  client_ = std::make_unique<GrpcClient>(server_->port());
  const auto ask = [&](const char* method, const google::protobuf::Message& request,
                       const char* key) {
    return client_->refusal(method, request, {{"api-key", key}});
  };
  const auto upsert = ask("/qdrant.Points/Upsert", upsert_of(1, 1), "read");
  EXPECT_EQ(upsert.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(upsert.error_message(), "Forbidden: Write access to collection c is required");
  qdrant::DeleteCollection drop;
  drop.set_collection_name("c");
  EXPECT_EQ(ask("/qdrant.Collections/Delete", drop, "read").error_message(),
            "Forbidden: Global manage access is required");
  qdrant::CountPoints count;
  count.set_collection_name("c");
  EXPECT_TRUE(ask("/qdrant.Points/Count", count, "read").ok());
  EXPECT_TRUE(ask("/qdrant.Points/Upsert", upsert_of(1, 1), "full").ok());
}

TEST_F(GrpcServerTest, SaysWhatItDoesNotServe) {
  serve();
  const auto unknown = client_->refusal("/qdrant.StorageRead/ListFiles", qdrant::CountPoints());
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(unknown.error_message(), HasSubstr("/qdrant.StorageRead/ListFiles is not served"));
  const auto matrix = client_->refusal("/qdrant.Points/SearchMatrixPairs", qdrant::CountPoints());
  EXPECT_EQ(matrix.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(matrix.error_message(), HasSubstr("distance matrices"));
  make_collection();
  qdrant::QueryPoints formula;
  formula.set_collection_name("c");
  formula.mutable_query()->mutable_formula()->mutable_expression()->set_constant(1);
  EXPECT_EQ(client_->refusal("/qdrant.Points/Query", formula).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServerTest, RefusesWhatIsTooLargeOrNoMessage) {
  serve({.max_request_bytes = 100'000});
  make_collection();
  EXPECT_EQ(client_->refusal("/qdrant.Points/Upsert", upsert_of(0, 3000)).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (const char* method : {"/qdrant.Points/Upsert", "/qdrant.Points/Scroll"}) {
    const auto refused = client_
                             ->call(method,
                                    "\x0a\x7f"
                                    "c")
                             .status;
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::INTERNAL) << method;
    EXPECT_THAT(refused.error_message(), HasSubstr("failed to decode Protobuf message"));
  }
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(upsert(1, 10).result().status(), qdrant::Completed);
  EXPECT_EQ(count(), 10U);
}

TEST_F(GrpcServerTest, WhatIsNestedTooDeepIsRefused) {
  serve();
  make_collection();
  upsert(1, 3);
  qdrant::QueryPoints query;
  query.set_collection_name("c");
  auto* prefetch = query.add_prefetch();
  for (int depth = 0; depth < 900; ++depth) {
    prefetch->set_limit(1);
    prefetch = prefetch->add_prefetch();
  }
  EXPECT_FALSE(client_->refusal("/qdrant.Points/Query", query).ok());

  qdrant::SetPayloadPoints set;
  set.set_collection_name("c");
  set.set_wait(true);
  set.mutable_points_selector()->mutable_points()->add_ids()->set_num(1);
  auto* value = &(*set.mutable_payload())["deep"];
  for (int depth = 0; depth < 300; ++depth) {
    value = value->mutable_list_value()->add_values();
  }
  value->set_bool_value(true);
  EXPECT_FALSE(client_->refusal("/qdrant.Points/SetPayload", set).ok());

  qdrant::ScrollPoints scroll;
  scroll.set_collection_name("c");
  auto* filter = scroll.mutable_filter();
  for (int depth = 0; depth < 400; ++depth) {
    filter = filter->add_must()->mutable_filter();
  }
  filter->add_must()->mutable_is_null()->set_key("k");
  EXPECT_EQ(client_->refusal("/qdrant.Points/Scroll", scroll).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(count(), 3U);
}

TEST_F(GrpcServerTest, PagesOfAnySizeAreWhole) {
  serve();
  make_collection();
  constexpr int kPoints = 30'000;
  for (int first = 0; first < kPoints; first += 5000) {
    upsert(static_cast<uint64_t>(first), 5000);
  }
  for (const uint32_t limit : {uint32_t{997}, uint32_t{20'000}, uint32_t{1'000'000}}) {
    qdrant::ScrollPoints request;
    request.set_collection_name("c");
    request.set_limit(limit);
    request.mutable_with_vectors()->set_enable(true);
    uint64_t next = 0;
    for (bool more = true; more;) {
      const auto page = client_->ask<qdrant::ScrollResponse>("/qdrant.Points/Scroll", request);
      ASSERT_GT(page.result_size(), 0);
      ASSERT_LE(page.result_size(), static_cast<int64_t>(limit));
      for (const auto& point : page.result()) {
        ASSERT_EQ(point.id().num(), next);
        ASSERT_EQ(point.payload().at("n").integer_value(), static_cast<int64_t>(next));
        ASSERT_EQ(point.vectors().vector().dense().data(1), static_cast<float>(next % 97) + 1);
        ++next;
      }
      more = page.has_next_page_offset();
      *request.mutable_offset() = page.next_page_offset();
    }
    EXPECT_EQ(next, static_cast<uint64_t>(kPoints));
  }
}

TEST_F(GrpcServerTest, RanksGroupsAndOrders) {
  serve();
  make_collection();
  upsert(0, 60);
  qdrant::CreateFieldIndexCollection index;
  index.set_collection_name("c");
  index.set_wait(true);
  index.set_field_name("n");
  index.set_field_type(qdrant::FieldTypeInteger);
  client_->ask<qdrant::PointsOperationResponse>("/qdrant.Points/CreateFieldIndex", index);

  qdrant::SearchPoints search;
  search.set_collection_name("c");
  search.set_limit(3);
  for (int d = 0; d < kDim; ++d) {
    search.add_vector(7.0F + static_cast<float>(d));
  }
  const auto found = client_->ask<qdrant::SearchResponse>("/qdrant.Points/Search", search);
  ASSERT_EQ(found.result_size(), 3);
  EXPECT_EQ(found.result(0).id().num(), 7U);
  EXPECT_EQ(found.result(0).score(), 0.0F);
  EXPECT_EQ(found.result(0).payload_size(), 0) << "payloads come when asked for";

  qdrant::RecommendPoints recommend;
  recommend.set_collection_name("c");
  recommend.set_limit(2);
  recommend.add_positive()->set_num(7);
  recommend.mutable_with_payload()->mutable_include()->add_fields("n");
  const auto recommended =
      client_->ask<qdrant::RecommendResponse>("/qdrant.Points/Recommend", recommend);
  ASSERT_EQ(recommended.result_size(), 2);
  EXPECT_EQ(
      std::set<uint64_t>({recommended.result(0).id().num(), recommended.result(1).id().num()}),
      std::set<uint64_t>({6, 8}));
  EXPECT_EQ(recommended.result(0).payload_size(), 1);

  qdrant::QueryPointGroups groups;
  groups.set_collection_name("c");
  groups.set_group_by("third");
  groups.set_group_size(2);
  groups.set_limit(3);
  groups.mutable_query()->mutable_nearest()->mutable_id()->set_num(0);
  const auto grouped =
      client_->ask<qdrant::QueryGroupsResponse>("/qdrant.Points/QueryGroups", groups);
  ASSERT_EQ(grouped.result().groups_size(), 3);
  EXPECT_EQ(grouped.result().groups(0).id().unsigned_value(), 1U) << "point 1 is the nearest";
  EXPECT_EQ(grouped.result().groups(0).hits_size(), 2);

  qdrant::ScrollPoints scroll;
  scroll.set_collection_name("c");
  scroll.set_limit(2);
  scroll.mutable_order_by()->set_key("n");
  scroll.mutable_order_by()->set_direction(qdrant::Desc);
  const auto ordered = client_->ask<qdrant::ScrollResponse>("/qdrant.Points/Scroll", scroll);
  ASSERT_EQ(ordered.result_size(), 2);
  EXPECT_EQ(ordered.result(0).id().num(), 59U);
  EXPECT_EQ(ordered.result(1).order_value().int_(), 58);

  index.set_field_name("third");
  client_->ask<qdrant::PointsOperationResponse>("/qdrant.Points/CreateFieldIndex", index);
  qdrant::FacetCounts facet;
  facet.set_collection_name("c");
  facet.set_key("third");
  facet.set_exact(true);
  const auto counted = client_->ask<qdrant::FacetResponse>("/qdrant.Points/Facet", facet);
  ASSERT_EQ(counted.hits_size(), 3);
  EXPECT_EQ(counted.hits(0).count(), 20U);

  qdrant::QueryBatchPoints batch;
  batch.set_collection_name("c");
  for (const uint64_t id : {3U, 50U}) {
    auto* query = batch.add_query_points();
    query->set_limit(1);
    query->mutable_query()->mutable_nearest()->mutable_id()->set_num(id);
  }
  const auto batched = client_->ask<qdrant::QueryBatchResponse>("/qdrant.Points/QueryBatch", batch);
  ASSERT_EQ(batched.result_size(), 2);
  EXPECT_EQ(batched.result(1).result_size(), 1);
}

TEST_F(GrpcServerTest, ABatchOfChangesIsDoneInItsOrder) {
  serve();
  make_collection();
  upsert(1, 3);
  qdrant::UpdateBatchPoints batch;
  batch.set_collection_name("c");
  batch.set_wait(true);
  *batch.add_operations()->mutable_upsert()->mutable_points() = upsert_of(4, 2).points();
  auto* set = batch.add_operations()->mutable_set_payload();
  (*set->mutable_payload())["x"].set_double_value(1.0);
  set->mutable_points_selector()->mutable_points()->add_ids()->set_num(4);
  batch.add_operations()
      ->mutable_delete_points()
      ->mutable_points()
      ->mutable_points()
      ->add_ids()
      ->set_num(1);
  const auto done = client_->ask<qdrant::UpdateBatchResponse>("/qdrant.Points/UpdateBatch", batch);
  ASSERT_EQ(done.result_size(), 3);
  EXPECT_EQ(done.result(1).status(), qdrant::Completed);
  EXPECT_EQ(done.result(2).operation_id(), done.result(0).operation_id() + 2);
  EXPECT_EQ(count(), 4U);
  qdrant::GetPoints get;
  get.set_collection_name("c");
  get.add_ids()->set_num(4);
  get.mutable_with_payload()->set_enable(true);
  const auto found = client_->ask<qdrant::GetResponse>("/qdrant.Points/Get", get);
  ASSERT_EQ(found.result_size(), 1);
  EXPECT_EQ(found.result(0).payload().at("x").double_value(), 1.0);
}

TEST_F(GrpcServerTest, AnAddressIsServedOnce) {
  serve();
  const auto second = GrpcServer::start(
      collections_.get(), {.address = "127.0.0.1:" + std::to_string(server_->port())});
  EXPECT_EQ(kind_of(second.status()), ErrorKind::kConflict);
  EXPECT_FALSE(GrpcServer::start(collections_.get(), {.address = "nowhere"}).ok());
}

TEST_F(GrpcServerTest, ManyClientsAtOnce) {
  serve({.threads = 4});
  make_collection();
  constexpr uint64_t kEach = 400;
  std::vector<std::jthread> clients;
  for (uint64_t lane = 0; lane < 6; ++lane) {
    clients.emplace_back([this, lane] {
      GrpcClient client(server_->port());
      for (uint64_t i = 0; i < kEach; i += 20) {
        const auto done = client.ask<qdrant::PointsOperationResponse>(
            "/qdrant.Points/Upsert", upsert_of(lane * kEach + i, 20));
        EXPECT_EQ(done.result().status(), qdrant::Completed);
        qdrant::ScrollPoints scroll;
        scroll.set_collection_name("c");
        scroll.mutable_offset()->set_num(lane * kEach);
        scroll.set_limit(static_cast<uint32_t>(i + 20));
        EXPECT_GE(client.ask<qdrant::ScrollResponse>("/qdrant.Points/Scroll", scroll).result_size(),
                  static_cast<int>(i + 20))
            << "what was answered is there";
      }
    });
  }
  clients.clear();
  EXPECT_EQ(count(), 6 * kEach);
}

TEST_F(GrpcServerTest, StopAnswersWhatIsAtWorkAndLosesNothing) {
  serve();
  make_collection();
  std::atomic<uint64_t> stored{0};
  std::atomic<bool> began{false};
  std::vector<std::jthread> clients;
  for (uint64_t lane = 0; lane < 4; ++lane) {
    clients.emplace_back([this, lane, &stored, &began] {
      GrpcClient client(server_->port());
      for (uint64_t i = 0;; ++i) {
        const auto answer = client.call("/qdrant.Points/Upsert",
                                        upsert_of((lane << 32U) + i * 50, 50).SerializeAsString());
        if (!answer.status.ok()) {
          return;
        }
        stored += 50;
        began = true;
        began.notify_all();
      }
    });
  }
  began.wait(false);
  server_->stop(std::chrono::seconds(30));
  clients.clear();
  ASSERT_GE(stored, 50U);
  const auto collection = collections_->find("c").ValueOrDie();
  EXPECT_GE(collection->count({}).ValueOrDie(), stored.load());
  server_->stop(std::chrono::seconds(0));  // again is nothing
  EXPECT_EQ(GrpcClient(server_->port())
                .refusal("/grpc.health.v1.Health/Check", qdrant::CountPoints())
                .error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace vecferry::server
