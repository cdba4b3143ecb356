// What a real 1.18.3 was asked over gRPC and answered, asked again of a server of ours. What may
// differ is in tests/golden/qdrant/grpc_differences.json, by number and with a reason, and the test
// holds that list both ways.

#include <collections.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <points.pb.h>
#include <qdrant.pb.h>
#include <snapshots.pb.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/server/grpc_client.h"
#include "tests/support/temp_dir.h"
#include "tests/wire/recorded_methods.h"
#include "tests/wire/recordings.h"
#include "vecferry/server/grpc_server.h"

namespace vecferry::server {
namespace {

using namespace vecferry::testing;  // NOLINT(google-build-using-namespace): test helpers
using nlohmann::json;
namespace protobuf = google::protobuf;

json as_json(const protobuf::Descriptor* type, const std::string& bytes) {
  protobuf::DynamicMessageFactory factory;
  const std::unique_ptr<protobuf::Message> message(factory.GetPrototype(type)->New());
  EXPECT_TRUE(message->ParseFromString(bytes)) << type->full_name();
  protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  EXPECT_TRUE(protobuf::util::MessageToJsonString(*message, &text, options).ok());
  return json::parse(text);
}

// Without what no two servers say alike.
json comparable(json value) {
  if (value.is_object()) {
    for (const char* key : {"time", "commit", "segments_count", "indexed_vectors_count"}) {
      value.erase(key);
    }
    if (value.contains("checksum") && value.contains("creation_time")) {
      value = json{{"a snapshot", !value["name"].empty()}};
    }
  }
  if (value.is_structured()) {
    for (auto& item : value) {
      item = comparable(item);
    }
  }
  return value;
}

// Points that a server draws come in any order.
json sorted_result(json reply) {
  std::sort(reply["result"].begin(), reply["result"].end());
  return reply;
}

std::string code_name(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    default:
      return "code " + std::to_string(code);
  }
}

json differences() {
  std::ifstream in(std::string(VECFERRY_SOURCE_DIR) + "/tests/golden/qdrant/grpc_differences.json");
  return json::parse(in);
}

class GrpcReplay : public ::testing::Test {
 protected:
  GrpcReplay() {
    collections_ = Collections::open({temp_.path() / "place"}).ValueOrDie();
    server_ = GrpcServer::start(collections_.get(), {.address = "127.0.0.1:0"}).ValueOrDie();
    client_ = std::make_unique<GrpcClient>(server_->port());
  }

  // Snapshots have their own names here.
  std::string request_of(const json& exchange) const {
    std::string bytes = from_base64(exchange["request"].get<std::string>());
    if (exchange["method"] == "Delete" && exchange["service"] == "qdrant.Snapshots") {
      qdrant::DeleteSnapshotRequest request;
      EXPECT_TRUE(request.ParseFromString(bytes));
      request.set_snapshot_name(snapshot_);
      bytes = request.SerializeAsString();
    }
    return bytes;
  }

  // How our answer differs; empty: not at all.
  std::string difference(const json& exchange) {
    const auto* method = method_of(exchange);
    const auto answer = client_->call(
        "/" + exchange["service"].get<std::string>() + "/" + exchange["method"].get<std::string>(),
        request_of(exchange));
    const std::string code = code_name(answer.status.error_code());
    if (code != exchange["code"]) {
      return code + " " + answer.status.error_message() + "\n  instead of " +
             exchange["code"].get<std::string>();
    }
    if (!answer.status.ok()) {
      return answer.status.error_message() == exchange["details"].get<std::string>()
                 ? ""
                 : "says: " + answer.status.error_message() +
                       "\n  instead of: " + exchange["details"].get<std::string>();
    }
    json ours = as_json(method->output_type(), answer.bytes);
    json theirs =
        as_json(method->output_type(), from_base64(exchange["response"].get<std::string>()));
    if (exchange["service"] == "qdrant.Snapshots" && exchange["method"] == "Create") {
      snapshot_ = ours["snapshot_description"]["name"].get<std::string>();
    }
    ours = comparable(std::move(ours));
    theirs = comparable(std::move(theirs));
    if (exchange["request_json"].contains("query") &&
        exchange["request_json"]["query"].contains("sample")) {
      ours = sorted_result(std::move(ours));
      theirs = sorted_result(std::move(theirs));
    }
    return ours == theirs ? "" : json::diff(theirs, ours).dump(1) + "\n" + ours.dump(1);
  }

  TempDir temp_{};
  std::unique_ptr<Collections> collections_{};
  std::unique_ptr<GrpcServer> server_{};
  std::unique_ptr<GrpcClient> client_{};
  std::string snapshot_{};
};

TEST_F(GrpcReplay, AnswersAsARealServer) {
  const auto exchanges = recording("grpc-1.18.3.jsonl");
  ASSERT_EQ(exchanges.size(), 68U);
  const json listed = differences();
  size_t equal = 0;
  for (size_t i = 0; i < exchanges.size(); ++i) {
    const auto& exchange = exchanges[i];
    const std::string found = difference(exchange);
    equal += found.empty() ? 1 : 0;
    const bool expected = listed.contains(std::to_string(i));
    EXPECT_EQ(found.empty(), !expected)
        << "exchange " << i << ", " << exchange["method"] << " " << exchange["request_json"] << "\n"
        << (expected ? "is listed as different, and is equal" : found);
  }
  for (const auto& item : listed.items()) {
    EXPECT_GT(item.value().at("reason").get<std::string>().size(), 20U) << item.key();
    EXPECT_LT(std::stoul(item.key()), exchanges.size());
  }
  EXPECT_GE(static_cast<double>(equal), 0.95 * static_cast<double>(exchanges.size()));
}

}  // namespace
}  // namespace vecferry::server
