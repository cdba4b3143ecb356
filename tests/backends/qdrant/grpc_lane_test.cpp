#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "vecferry/backends/qdrant/grpc_lane_internal.h"
#include "vecferry/backends/qdrant/idle_lanes_internal.h"

namespace vecferry::testing {
namespace {

using remote::GrpcLane;
using remote::GrpcMessage;
using remote::Milliseconds;

const StopToken kGoOn = StopToken::Unstoppable();

std::string header(const grpc::GenericCallbackServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  return found == context.client_metadata().end()
             ? std::string()
             : std::string(found->second.data(), found->second.size());
}

// Answers by the name of the method.
class Scripted : public grpc::ServerGenericBidiReactor {
 public:
  explicit Scripted(grpc::GenericCallbackServerContext* context) : context_(context) {
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    const std::string& method = context_->method();
    if (!ok) {
      end(grpc::Status(grpc::StatusCode::CANCELLED, ""));
    } else if (method == "/t/echo") {
      StartWrite(&message_);
    } else if (method == "/t/headers") {
      const std::string text =
          header(*context_, "api-key") + "|" + header(*context_, "grpc-accept-encoding");
      const grpc::Slice slice(text);
      message_ = grpc::ByteBuffer(&slice, 1);
      StartWrite(&message_);
    } else if (method == "/t/busy") {
      context_->AddTrailingMetadata("retry-after", "3");
      end(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "Rate limiting exceeded: x"));
    } else if (method == "/t/refuse") {
      end(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "Wrong input: y"));
    }  // else it never answers
  }
  void OnWriteDone(bool /*ok*/) override { end(grpc::Status::OK); }
  void OnCancel() override {
    if (context_->method() == "/t/hang") {
      end(grpc::Status(grpc::StatusCode::CANCELLED, ""));
    }
  }
  void OnDone() override { delete this; }

 private:
  // A call may be cancelled while it ends.
  void end(const grpc::Status& status) {
    if (!ended_.exchange(true)) {
      Finish(status);
    }
  }

  grpc::GenericCallbackServerContext* context_;
  grpc::ByteBuffer message_;
  std::atomic<bool> ended_ = false;
};

class ScriptedService : public grpc::CallbackGenericService {
 public:
  // NOLINTNEXTLINE(readability-identifier-naming): gRPC's name
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Scripted(context);
  }
};

class GrpcLaneTest : public ::testing::Test {
 protected:
  GrpcLaneTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    lane_ = open("127.0.0.1:" + std::to_string(port_));
  }
  ~GrpcLaneTest() override {
    lane_.reset();
    server_->Shutdown();
  }

  static std::unique_ptr<GrpcLane> open(const std::string& target) {
    return GrpcLane::open({.target = target,
                           .place = "http://here",
                           .use_proxy = false,
                           .metadata = {{"api-key", "s3cret"}}})
        .ValueOrDie();
  }
  remote::Attempt call(const char* method, const std::string& message, GrpcMessage* reply,
                       const StopToken& stop = kGoOn, Milliseconds deadline = Milliseconds(0)) {
    return lane_->call(method, std::make_shared<const std::string>(message), deadline, stop, reply);
  }

  int port_ = 0;
  ScriptedService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GrpcLane> lane_;
};

TEST_F(GrpcLaneTest, BytesGoThereAndBackWhateverTheirSize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100000}, size_t{20} << 20U}) {
    std::string message(size, 'x');
    if (size > 0) {
      message.back() = '\0';
    }
    GrpcMessage reply;
    const auto attempt = call("/t/echo", message, &reply);
    ASSERT_TRUE(attempt.status.ok()) << attempt.status.ToString();
    EXPECT_TRUE(reply.bytes() == message) << size;
  }
}

TEST_F(GrpcLaneTest, SeveralCallsAreInFlight) {
  std::vector<std::unique_ptr<remote::GrpcCall>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(lane_->start("/t/echo", std::make_shared<const std::string>(std::to_string(i)),
                                 Milliseconds(0)));
  }
  for (int i = 19; i >= 0; --i) {
    GrpcMessage reply;
    ASSERT_TRUE(calls[static_cast<size_t>(i)]->wait(kGoOn, &reply).status.ok());
    EXPECT_EQ(reply.bytes(), std::to_string(i));
  }
}

TEST_F(GrpcLaneTest, TheKeyGoesAlongAndNoCompressionIsAskedFor) {
  GrpcMessage reply;
  ASSERT_TRUE(call("/t/headers", "", &reply).status.ok());
  EXPECT_EQ(reply.bytes().substr(0, 7), "s3cret|");
  EXPECT_EQ(reply.bytes().find("gzip"), std::string_view::npos) << reply.bytes();
}

TEST_F(GrpcLaneTest, AnswersBecomeErrors) {
  GrpcMessage reply;
  const auto busy = call("/t/busy", "x", &reply);
  EXPECT_TRUE(failure_of(busy.status).retryable);
  EXPECT_EQ(busy.retry_after, Milliseconds(3000));
  EXPECT_FALSE(busy.about_points);
  const auto refused = call("/t/refuse", "x", &reply);
  EXPECT_EQ(failure_of(refused.status).what, "Wrong input: y");
  EXPECT_TRUE(refused.about_points);
  EXPECT_EQ(refused.status.ToString().find("s3cret"), std::string::npos);
}

TEST_F(GrpcLaneTest, ADeadlineAStopAndTheEndOfACallEndIt) {
  GrpcMessage reply;
  const auto late = call("/t/hang", "x", &reply, kGoOn, Milliseconds(50));
  EXPECT_EQ(kind_of(late.status), ErrorKind::kTimeout);
  EXPECT_TRUE(failure_of(late.status).retryable);
  arrow::StopSource source;
  const auto call_in_flight =
      lane_->start("/t/hang", std::make_shared<const std::string>("x"), Milliseconds(0));
  source.RequestStop();
  EXPECT_EQ(kind_of(call_in_flight->wait(source.token(), &reply).status), ErrorKind::kCancelled);
  // One that nobody waits for is cancelled with its owner.
  EXPECT_NE(lane_->start("/t/hang", std::make_shared<const std::string>("x"), Milliseconds(0)),
            nullptr);
}

TEST_F(GrpcLaneTest, AnIdleChannelIsTakenAgainAndABrokenOneIsNot) {
  int opened = 0;
  const auto idle = std::make_shared<remote::IdleLanes>([&]() -> Result<std::unique_ptr<GrpcLane>> {
    ++opened;
    return open("127.0.0.1:" + std::to_string(port_));
  });
  const auto echo = [](GrpcLane& lane) {
    GrpcMessage reply;
    return lane.call("/t/echo", std::make_shared<const std::string>("x"), Milliseconds(0), kGoOn,
                     &reply);
  };
  for (int i = 0; i < 3; ++i) {
    const auto one = idle->take().ValueOrDie();
    const auto other = idle->take().ValueOrDie();
    EXPECT_NE(one.get(), other.get());
    EXPECT_TRUE(echo(*one).status.ok());
    EXPECT_TRUE(echo(*other).status.ok());
  }
  EXPECT_EQ(opened, 2);

  server_->Shutdown();
  EXPECT_FALSE(echo(*idle->take().ValueOrDie()).status.ok());
  EXPECT_FALSE(echo(*idle->take().ValueOrDie()).status.ok());
  const auto fresh = idle->take().ValueOrDie();
  EXPECT_EQ(opened, 3);
}

TEST_F(GrpcLaneTest, NobodyThereIsUnavailable) {
  server_->Shutdown();
  GrpcMessage reply;
  const auto attempt = call("/t/echo", "x", &reply);
  EXPECT_EQ(kind_of(attempt.status), ErrorKind::kUnavailable);
  EXPECT_TRUE(failure_of(attempt.status).retryable);
  EXPECT_NE(failure_of(attempt.status).next.find("vecferry doctor http://here"), std::string::npos);
}

}  // namespace
}  // namespace vecferry::testing
