#include <collections.pb.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <points.pb.h>
#include <qdrant.pb.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "arrow/record_batch.h"
#include "tests/backends/qdrant/fake_qdrant.h"
#include "tests/support/points.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/wire/grpc_settings.h"
#include "vecferry/wire/rest_settings.h"

// What a writer makes of the answers of gRPC: refusals, budgets, and what passes.
namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

struct GrpcReply {
  grpc::Status status{};
  std::string message{};
  std::string retry_after{};
};

using Answer = std::function<GrpcReply(const std::string& method, const std::string& message)>;

class Exchange : public grpc::ServerGenericBidiReactor {
 public:
  Exchange(grpc::GenericCallbackServerContext* context, const Answer* answer)
      : context_(context), answer_(*answer) {
    StartRead(&buffer_);
  }

  void OnReadDone(bool ok) override {
    grpc::Slice slice;
    if (!ok || !buffer_.DumpToSingleSlice(&slice).ok()) {
      Finish(grpc::Status(grpc::StatusCode::CANCELLED, ""));
      return;
    }
    const std::string request(reinterpret_cast<const char*>(slice.begin()), slice.size());
    const auto reply = answer_(context_->method(), request);
    if (!reply.retry_after.empty()) {
      context_->AddTrailingMetadata("retry-after", reply.retry_after);
    }
    if (!reply.status.ok()) {
      Finish(reply.status);
      return;
    }
    const grpc::Slice out(reply.message);
    buffer_ = grpc::ByteBuffer(&out, 1);
    StartWriteAndFinish(&buffer_, {}, grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  grpc::GenericCallbackServerContext* context_;
  const Answer& answer_;
  grpc::ByteBuffer buffer_;
};

class Service : public grpc::CallbackGenericService {
 public:
  explicit Service(Answer answer) : answer_(std::move(answer)) {}
  // NOLINTNEXTLINE(readability-identifier-naming): gRPC's name
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Exchange(context, &answer_);
  }

 private:
  Answer answer_;
};

std::string completed() {
  qdrant::PointsOperationResponse reply;
  reply.mutable_result()->set_operation_id(1);
  reply.mutable_result()->set_status(qdrant::Completed);
  return reply.SerializeAsString();
}

/// A server of one collection, `shop`: REST for what a writer asks there, and gRPC whose upserts a
/// test may answer first.
class FakeServer {
 public:
  using Upsert = std::function<std::optional<GrpcReply>(const qdrant::UpsertPoints&)>;

  explicit FakeServer(Upsert upsert)
      : upsert_(std::move(upsert)),
        rest_(config(), {}),
        service_([this](const std::string& method, const std::string& message) {
          return answer(method, message);
        }) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() { server_->Shutdown(); }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  static CollectionConfig config() {
    return default_config({{.dim = 2, .distance = Distance::kDot}});
  }

  std::unique_ptr<Backend> connect(std::optional<WriteOrdering> ordering = {}) const {
    return open_qdrant({.url = rest_.url(),
                        .transport = Transport::kGrpc,
                        .grpc_url = "127.0.0.1:" + std::to_string(port_),
                        .write_ordering = ordering,
                        .retry = {.first_delay = std::chrono::milliseconds(1),
                                  .longest_delay = std::chrono::milliseconds(5),
                                  .give_up_after = std::chrono::milliseconds(300)}},
                       kGoOn)
        .ValueOrDie();
  }

  std::set<uint64_t> stored() const {
    const std::lock_guard lock(mutex_);
    return stored_;
  }
  int upserts() const { return upserts_; }

 private:
  GrpcReply answer(const std::string& method, const std::string& message) {
    if (method == "/qdrant.Qdrant/HealthCheck") {
      qdrant::HealthCheckReply reply;
      reply.set_version("1.18.3");
      return {.message = reply.SerializeAsString()};
    }
    if (method == "/qdrant.Collections/List") {
      qdrant::ListCollectionsResponse reply;
      reply.add_collections()->set_name("shop");
      return {.message = reply.SerializeAsString()};
    }
    if (method == "/qdrant.Collections/Get") {
      qdrant::GetCollectionInfoResponse reply;
      const auto info = wire::info_of(config(), {.status = "green"}, {});
      discard(wire::read_info(info, reply.mutable_result()).status(), "names what has no field");
      return {.message = reply.SerializeAsString()};
    }
    qdrant::UpsertPoints request;
    if (method != "/qdrant.Points/Upsert" || !request.ParseFromString(message)) {
      return {.status = {grpc::StatusCode::UNIMPLEMENTED, method}};
    }
    ++upserts_;
    if (auto reply = upsert_(request)) {
      return *std::move(reply);
    }
    const std::lock_guard lock(mutex_);
    for (const auto& point : request.points()) {
      stored_.insert(point.id().num());
    }
    return {.message = completed()};
  }

  Upsert upsert_;
  FakeQdrant rest_;
  mutable std::mutex mutex_;
  std::set<uint64_t> stored_;  // guarded by mutex_
  std::atomic<int> upserts_ = 0;
  int port_ = 0;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
};

Status write(Backend& backend, uint64_t count) {
  std::vector<TestPoint> points;
  for (uint64_t id = 1; id <= count; ++id) {
    points.push_back({.id = PointId::of(id), .vectors = {{"", dense({1.0F, 2.0F})}}});
  }
  ARROW_ASSIGN_OR_RAISE(const auto writer, backend.open_writer("shop", kGoOn));
  ARROW_RETURN_NOT_OK(writer->upsert(*to_batch(FakeServer::config(), points)));
  return writer->checkpoint();
}

TEST(GrpcWriter, APointThatTheServerRefusesIsFoundAndNamed) {
  FakeServer server([](const qdrant::UpsertPoints& request) -> std::optional<GrpcReply> {
    for (const auto& point : request.points()) {
      if (point.id().num() == 77) {
        return GrpcReply{
            .status = {grpc::StatusCode::INVALID_ARGUMENT, "Wrong input: that point is odd"}};
      }
    }
    return std::nullopt;
  });
  const auto failure = failure_of(write(*server.connect(), 100));
  EXPECT_EQ(failure.kind, ErrorKind::kRefused);
  EXPECT_EQ(failure.what, "Wrong input: that point is odd");
  EXPECT_NE(failure.where.find("point 77"), std::string::npos) << failure.where;
  EXPECT_EQ(server.stored().count(77), 0U);
  EXPECT_LE(server.upserts(), 16);
}

TEST(GrpcWriter, AnswersThatPassAreTriedAgain) {
  std::atomic<int> tries = 0;
  FakeServer server([&](const qdrant::UpsertPoints&) -> std::optional<GrpcReply> {
    switch (tries++) {
      case 0:
        return GrpcReply{.status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "Rate limiting exceeded"},
                         .retry_after = "0"};
      case 1:
        return GrpcReply{.status = {grpc::StatusCode::UNAVAILABLE, "Shard is not ready"}};
      case 2:
        return GrpcReply{.status = {grpc::StatusCode::DEADLINE_EXCEEDED, "Timeout of 5 s"}};
      case 3:
        return GrpcReply{.status = {grpc::StatusCode::INTERNAL, "Service internal error: x"}};
      case 4:
        return GrpcReply{.status = {grpc::StatusCode::CANCELLED, ""}};
      case 5: {
        qdrant::PointsOperationResponse taken;
        taken.mutable_result()->set_status(qdrant::Acknowledged);  // not stored yet
        return GrpcReply{.message = taken.SerializeAsString()};
      }
      default:
        return std::nullopt;
    }
  });
  const auto status = write(*server.connect(), 5);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(server.stored().size(), 5U);
  EXPECT_EQ(tries, 7);
}

// Without a delay the request alone is over the budget, and passes in parts.
TEST(GrpcWriter, WhatIsOverABudgetGoesInParts) {
  FakeServer server([](const qdrant::UpsertPoints& request) -> std::optional<GrpcReply> {
    if (request.points_size() > 10) {
      return GrpcReply{.status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "Rate limiting exceeded"}};
    }
    return std::nullopt;
  });
  const auto status = write(*server.connect(), 100);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(server.stored().size(), 100U);
}

TEST(GrpcWriter, AServerThatStaysBusyIsGivenUp) {
  FakeServer server([](const qdrant::UpsertPoints&) -> std::optional<GrpcReply> {
    return GrpcReply{.status = {grpc::StatusCode::UNAVAILABLE, "Shard is not ready"}};
  });
  const auto failure = failure_of(write(*server.connect(), 5));
  EXPECT_EQ(failure.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(failure.what, "Shard is not ready");
  EXPECT_NE(failure.where.find("points 1 to 5"), std::string::npos) << failure.where;
  EXPECT_GT(server.upserts(), 3);
}

TEST(GrpcWriter, OrderingIsAskedForWhenItWasAskedFor) {
  std::atomic<int> asked = -1;
  FakeServer server([&](const qdrant::UpsertPoints& request) -> std::optional<GrpcReply> {
    asked = request.has_ordering() ? static_cast<int>(request.ordering().type()) : -1;
    return std::nullopt;
  });
  ASSERT_TRUE(write(*server.connect(), 1).ok());
  EXPECT_EQ(asked, -1);
  ASSERT_TRUE(write(*server.connect(WriteOrdering::kStrong), 1).ok());
  EXPECT_EQ(asked, static_cast<int>(qdrant::Strong));
}

}  // namespace
}  // namespace vecferry::testing
