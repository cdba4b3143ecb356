// The gRPC exchanges of a real 1.18.3 server, read with our .proto files and with our own decoder.

#include <collections.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <points.pb.h>
#include <qdrant.pb.h>
#include <snapshots.pb.h>

#include <set>
#include <string>

#include "tests/support/points.h"
#include "tests/wire/messages.h"
#include "tests/wire/recorded_methods.h"
#include "tests/wire/recordings.h"
#include "vecferry/wire/grpc_points.h"

namespace vecferry::wire {
namespace {

using namespace vecferry::testing;  // NOLINT(google-build-using-namespace): test helpers
using nlohmann::json;
namespace protobuf = google::protobuf;

// As they compare: without `usage`, which our .proto leaves out on purpose, and with numbers as
// float32, because the two printers differ in digits.
json comparable(json value) {
  if (value.is_number_float()) {
    return static_cast<float>(value.get<double>());
  }
  if (value.is_number()) {
    return value.get<float>();
  }
  if (value.is_object()) {
    value.erase("usage");
  }
  if (value.is_structured()) {
    for (auto& item : value) {
      item = comparable(item);
    }
  }
  return value;
}

json as_json(const protobuf::Message& message) {
  protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  EXPECT_TRUE(protobuf::util::MessageToJsonString(message, &text, options).ok());
  return json::parse(text);
}

std::unique_ptr<protobuf::Message> read(const protobuf::Descriptor* type,
                                        const std::string& bytes) {
  auto* factory = protobuf::MessageFactory::generated_factory();
  std::unique_ptr<protobuf::Message> message(factory->GetPrototype(type)->New());
  EXPECT_TRUE(parse(bytes, message.get()));
  return message;
}

std::string name_of(const json& exchange) {
  return exchange["service"].get<std::string>() + "/" + exchange["method"].get<std::string>() +
         " " + exchange["request_json"].dump().substr(0, 200);
}

TEST(GrpcRecording, EveryMessageReadsAsTheServerMeantIt) {
  const auto exchanges = recording("grpc-1.18.3.jsonl");
  ASSERT_EQ(exchanges.size(), 68U);
  for (const auto& exchange : exchanges) {
    const auto* method = method_of(exchange);
    ASSERT_NE(method, nullptr) << name_of(exchange);
    const auto request =
        read(method->input_type(), from_base64(exchange["request"].get<std::string>()));
    EXPECT_EQ(comparable(as_json(*request)), comparable(exchange["request_json"]))
        << name_of(exchange);
    if (exchange["code"] == "OK") {
      const auto response =
          read(method->output_type(), from_base64(exchange["response"].get<std::string>()));
      EXPECT_EQ(comparable(as_json(*response)), comparable(exchange["response_json"]))
          << name_of(exchange);
    }
  }
}

CollectionConfig config_of(const std::string& collection) {
  if (collection == "g_plain") {
    return default_config({{.name = "", .dim = 4}});
  }
  return default_config(
      {{.name = "bm25", .kind = VectorKind::kSparse, .distance = Distance::kDot},
       {.name = "body", .element = ElementType::kFloat16, .dim = 4, .distance = Distance::kEuclid},
       {.name = "colbert", .kind = VectorKind::kMulti, .dim = 2},
       {.name = "img", .element = ElementType::kUint8, .dim = 4, .distance = Distance::kManhattan},
       {.name = "splade", .kind = VectorKind::kSparse, .distance = Distance::kDot},
       {.name = "title", .dim = 3, .distance = Distance::kDot}});
}

// Does a request ask for whole points?
bool whole(const json& request) {
  return request.value("with_vectors", json()) == json{{"enable", true}} &&
         request.value("with_payload", json()) == json{{"enable", true}};
}

TEST(GrpcRecording, PointsOfRepliesSurviveOurBatches) {
  size_t seen = 0;
  for (const auto& exchange : recording("grpc-1.18.3.jsonl")) {
    if ((exchange["method"] != "Scroll" && exchange["method"] != "Get") ||
        exchange["service"] != "qdrant.Points" || exchange["code"] != "OK") {
      continue;
    }
    const bool scroll = exchange["method"] == "Scroll";
    const auto config = config_of(exchange["request_json"]["collection_name"].get<std::string>());
    const std::string bytes = from_base64(exchange["response"].get<std::string>());
    auto builder = PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
    PointsDecoder decoder(builder.get(), Direction::kReply);
    const auto reply = scroll ? decoder.scroll_response(bytes) : decoder.get_response(bytes);
    ASSERT_TRUE(reply.ok()) << reply.status() << name_of(exchange);
    EXPECT_EQ(reply->points, static_cast<int64_t>(exchange["response_json"]["result"].size()));
    EXPECT_EQ(reply->next_page.has_value(), exchange["response_json"].contains("next_page_offset"));
    EXPECT_TRUE(reply->doubtful.empty());
    if (!whole(exchange["request_json"])) {
      continue;
    }
    ++seen;
    const auto batch = builder->finish().ValueOrDie();
    const auto view = PointsView::make(*batch).ValueOrDie();
    const double time = exchange["response_json"]["time"].get<double>();
    if (scroll) {
      EXPECT_EQ(deterministic<qdrant::ScrollResponse>(
                    encode_scroll_response(view, {}, reply->next_page, time).ValueOrDie()),
                deterministic<qdrant::ScrollResponse>(bytes))
          << name_of(exchange);
    } else {
      EXPECT_EQ(
          deterministic<qdrant::GetResponse>(encode_get_response(view, {}, time).ValueOrDie()),
          deterministic<qdrant::GetResponse>(bytes))
          << name_of(exchange);
    }
  }
  EXPECT_EQ(seen, 7U);
}

// The recorder tried the old vector form and an unusual spelling of a UUID on purpose.
std::string as_we_write(std::string_view bytes) {
  qdrant::UpsertPoints request;
  EXPECT_TRUE(parse(bytes, &request));
  for (auto& point : *request.mutable_points()) {
    if (point.id().has_uuid()) {
      point.mutable_id()->set_uuid(to_string(*parse_point_id(point.id().uuid())));
    }
    auto* vector = point.mutable_vectors()->mutable_vector();
    if (vector->data_size() > 0) {
      vector->mutable_dense()->mutable_data()->Swap(vector->mutable_data());
    }
  }
  return deterministic(request);
}

TEST(GrpcRecording, UpsertsAreTakenAndRefusedLikeTheServerDid) {
  size_t taken = 0;
  std::set<std::string> refused;
  for (const auto& exchange : recording("grpc-1.18.3.jsonl")) {
    if (exchange["method"] != "Upsert" || exchange["code"] == "NOT_FOUND") {
      continue;
    }
    const std::string bytes = from_base64(exchange["request"].get<std::string>());
    const auto head = read_upsert_head(bytes).ValueOrDie();
    EXPECT_EQ(head.wait, exchange["request_json"].value("wait", false));
    if (head.points == 0) {
      continue;  // an empty update is refused before points are looked at
    }
    const auto config = config_of(head.collection);
    auto builder = PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
    PointsDecoder decoder(builder.get(), Direction::kRequest);
    const Status status = decoder.upsert_points(bytes);
    if (exchange["code"] != "OK") {
      ASSERT_FALSE(status.ok()) << name_of(exchange);
      EXPECT_EQ(failure_of(status).what, exchange["details"].get<std::string>());
      refused.insert(failure_of(status).what);
      continue;
    }
    ASSERT_TRUE(status.ok()) << status << name_of(exchange);
    const auto batch = builder->finish().ValueOrDie();
    const UpsertOptions options{.collection = head.collection, .wait = head.wait};
    const auto encoded =
        encode_upsert(PointsView::make(*batch).ValueOrDie(), 0, int64_t{1} << 30, options)
            .ValueOrDie();
    ++taken;
    if (head.collection == "g_plain") {
      EXPECT_EQ(deterministic<qdrant::UpsertPoints>(encoded.message), as_we_write(bytes))
          << name_of(exchange);
      continue;
    }
    // This one has named vectors in both forms and sparse indices in disorder: the meaning counts.
    auto again = PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
    PointsDecoder second(again.get(), Direction::kRequest);
    ASSERT_TRUE(second.upsert_points(encoded.message).ok());
    EXPECT_EQ(to_points(*again->finish().ValueOrDie()), to_points(*batch));
  }
  EXPECT_EQ(taken, 4U);
  EXPECT_EQ(refused.size(), 5U);
}

}  // namespace
}  // namespace vecferry::wire
