#include "vecferry/wire/grpc_points.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <points.pb.h>

#include <limits>
#include <string>

#include "arrow/record_batch.h"
#include "tests/support/points.h"
#include "tests/wire/messages.h"
#include "vecferry/wire/points_layout_internal.h"

namespace vecferry::wire {
namespace {

using namespace vecferry::testing;  // NOLINT(google-build-using-namespace): test helpers
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::unique_ptr<PointsBuilder> builder_for(const CollectionConfig& config) {
  return PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
}

PointsView view_of(const arrow::RecordBatch& batch) {
  return PointsView::make(batch).ValueOrDie();
}

std::vector<TestPoint> decoded_scroll(const CollectionConfig& config, std::string_view message) {
  auto builder = builder_for(config);
  PointsDecoder decoder(builder.get(), Direction::kReply);
  const auto reply = decoder.scroll_response(message);
  EXPECT_TRUE(reply.ok()) << reply.status();
  return to_points(*builder->finish().ValueOrDie());
}

std::vector<TestPoint> decoded_upsert(const CollectionConfig& config, std::string_view message) {
  auto builder = builder_for(config);
  PointsDecoder decoder(builder.get(), Direction::kRequest);
  const Status status = decoder.upsert_points(message);
  EXPECT_TRUE(status.ok()) << status;
  return to_points(*builder->finish().ValueOrDie());
}

// Points whose payload gRPC can carry as it is.
std::vector<TestPoint> carried_points(Generator* generator, const CollectionConfig& config,
                                      size_t count, GeneratorOptions options = {}) {
  std::vector<TestPoint> kept;
  for (auto& point : generator->points(config, count, options)) {
    const auto batch = to_batch(config, {point});
    if (encode_upsert(view_of(*batch), 0, 1, {}).ValueOrDie().for_rest.empty()) {
      kept.push_back(std::move(point));
    }
  }
  EXPECT_FALSE(kept.empty());
  return kept;
}

GeneratorOptions odd_points() {
  GeneratorOptions options;
  options.non_finite = true;
  options.long_floats = true;
  return options;
}

TEST(GrpcPoints, RepliesComeBackTheSame) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Generator generator(seed);
    const auto config = seed == 1 ? Generator::every_kind() : generator.config();
    auto options = odd_points();
    options.shard_keys = seed % 2 == 0;
    const auto points = carried_points(&generator, config, 20, options);
    const auto batch = to_batch(config, points);
    const auto message =
        encode_scroll_response(view_of(*batch), {}, PointId::of(uint64_t{9}), 0.5).ValueOrDie();
    EXPECT_EQ(decoded_scroll(config, message), points) << "seed " << seed;

    qdrant::ScrollResponse generated;
    ASSERT_TRUE(parse(message, &generated));
    EXPECT_EQ(generated.next_page_offset().num(), 9U);
    EXPECT_EQ(generated.time(), 0.5);
    EXPECT_EQ(generated.ByteSizeLong(), message.size()) << "seed " << seed;
    EXPECT_EQ(decoded_scroll(config, deterministic(generated)), points) << "seed " << seed;
  }
}

TEST(GrpcPoints, UpsertsComeBackTheSameInBothForms) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Generator generator(seed);
    const auto config = seed <= 2 ? Generator::every_kind() : generator.config();
    const auto points = carried_points(&generator, config, 20, odd_points());
    const auto batch = to_batch(config, points);
    const UpsertOptions options{.collection = "c", .oneof_vectors = seed % 2 == 0};
    const auto encoded =
        encode_upsert(view_of(*batch), 0, std::numeric_limits<int64_t>::max(), options)
            .ValueOrDie();
    EXPECT_EQ(encoded.points, static_cast<int64_t>(points.size()));
    EXPECT_EQ(encoded.next_row, static_cast<int64_t>(points.size()));
    EXPECT_EQ(decoded_upsert(config, encoded.message), points) << "seed " << seed;

    qdrant::UpsertPoints generated;
    ASSERT_TRUE(parse(encoded.message, &generated));
    EXPECT_EQ(generated.ByteSizeLong(), encoded.message.size()) << "seed " << seed;
    EXPECT_EQ(decoded_upsert(config, deterministic(generated)), points) << "seed " << seed;
    const auto head = read_upsert_head(encoded.message).ValueOrDie();
    EXPECT_EQ(head.collection, "c");
    EXPECT_TRUE(head.wait);
    EXPECT_EQ(head.points, encoded.points);
  }
}

TEST(GrpcPoints, RequestsAreCutByBytesAndByShardKey) {
  const auto config = default_config({{.name = "", .dim = 2, .distance = Distance::kDot}});
  std::vector<TestPoint> points;
  for (uint64_t i = 0; i < 9; ++i) {
    points.push_back({.id = PointId::of(i),
                      .shard_key = i < 5 ? "eu" : "5",
                      .vectors = {{"", dense({1.0F, static_cast<float>(i)})}}});
  }
  const auto batch = to_batch(config, points);
  const auto view = view_of(*batch);
  std::vector<int64_t> sizes;
  std::vector<TestPoint> back;
  for (int64_t row = 0; row < view.rows();) {
    const auto encoded = encode_upsert(view, row, 70, {.collection = "c"}).ValueOrDie();
    ASSERT_GT(encoded.next_row, row);
    sizes.push_back(encoded.points);
    qdrant::UpsertPoints generated;
    ASSERT_TRUE(parse(encoded.message, &generated));
    ASSERT_EQ(generated.shard_key_selector().shard_keys_size(), 1);
    const auto& key = generated.shard_key_selector().shard_keys(0);
    EXPECT_EQ(row < 5 ? key.keyword() : std::to_string(key.number()), row < 5 ? "eu" : "5");
    EXPECT_THAT(read_upsert_head(encoded.message).ValueOrDie().shard_keys,
                ElementsAre(row < 5 ? "eu" : "5"));
    auto builder = builder_for(config);
    PointsDecoder decoder(builder.get(), Direction::kRequest);
    ASSERT_TRUE(decoder.upsert_points(encoded.message, row < 5 ? "eu" : "5").ok());
    for (auto& point : to_points(*builder->finish().ValueOrDie())) {
      back.push_back(std::move(point));
    }
    row = encoded.next_row;
  }
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1, 2, 2));
  EXPECT_EQ(back, points);
}

TEST(GrpcPoints, BigIntegersAreLeftForRest) {
  const auto config = default_config({{.name = "", .dim = 1, .distance = Distance::kDot}});
  const auto batch = to_batch(
      config, {{.id = PointId::of(uint64_t{1}), .payload = R"({"n":1})"},
               {.id = PointId::of(uint64_t{2}), .payload = R"({"n":18446744073709551615})"},
               {.id = PointId::of(uint64_t{3})}});
  const auto encoded = encode_upsert(view_of(*batch), 0, 1 << 20, {.collection = "c"}).ValueOrDie();
  EXPECT_THAT(encoded.for_rest, ElementsAre(1));
  EXPECT_EQ(encoded.points, 2);
  EXPECT_EQ(encoded.next_row, 3);
  // A server answers with a float, and its reader says which point to ask for again.
  const auto reply = encode_scroll_response(view_of(*batch), {}, std::nullopt, 0).ValueOrDie();
  auto builder = builder_for(config);
  PointsDecoder decoder(builder.get(), Direction::kReply);
  EXPECT_FALSE(decoder.next_page_of(reply).ValueOrDie());
  const auto read = decoder.scroll_response(reply).ValueOrDie();
  EXPECT_THAT(read.doubtful, ElementsAre(PointId::of(uint64_t{2})));
  EXPECT_EQ(read.points, 3);
  EXPECT_FALSE(read.next_page);
}

TEST(GrpcPoints, APointWithoutVectorsSaysSo) {
  const auto config = default_config({{.name = "", .dim = 1, .distance = Distance::kDot}});
  const auto batch = to_batch(config, {{.id = PointId::of(uint64_t{1})}});
  qdrant::UpsertPoints request;
  ASSERT_TRUE(parse(encode_upsert(view_of(*batch), 0, 1, {.collection = "c"}).ValueOrDie().message,
                    &request));
  EXPECT_TRUE(request.points(0).vectors().has_vectors());
  qdrant::GetResponse reply;
  ASSERT_TRUE(parse(encode_get_response(view_of(*batch), {}, 0).ValueOrDie(), &reply));
  EXPECT_TRUE(reply.result(0).vectors().has_vectors());
  ASSERT_TRUE(parse(
      encode_get_response(view_of(*batch), {.payload = true, .vectors = false}, 0).ValueOrDie(),
      &reply));
  EXPECT_FALSE(reply.result(0).has_vectors());
}

TEST(GrpcPoints, ScoredPoints) {
  const auto config = Generator::every_kind();
  Generator generator(3);
  const auto points = carried_points(&generator, config, 5);
  const auto batch = to_batch(config, points);
  const std::vector<int64_t> rows = {4, 0, 2};
  const std::vector<Score> scores = {{0.75F, 9}, {0.5F, 0}, {-0.25F, uint64_t{1} << 40U}};
  const std::vector<std::string> order = {"3", "-7", "1.0"};
  std::string message;
  ASSERT_TRUE(append_scored_points(view_of(*batch), {.rows = rows, .order_values = order}, scores,
                                   1, &message)
                  .ok());
  qdrant::QueryResponse reply;
  ASSERT_TRUE(parse(message, &reply));
  ASSERT_EQ(reply.result_size(), 3);
  EXPECT_EQ(reply.ByteSizeLong(), message.size());
  EXPECT_EQ(reply.result(0).score(), 0.75F);
  EXPECT_EQ(reply.result(0).version(), 9U);
  EXPECT_EQ(reply.result(0).order_value().int_(), 3);
  EXPECT_EQ(reply.result(1).order_value().int_(), -7);
  ASSERT_TRUE(reply.result(2).order_value().has_float_());
  EXPECT_EQ(reply.result(2).order_value().float_(), 1.0);

  auto builder = builder_for(config);
  PointsDecoder decoder(builder.get(), Direction::kReply);
  const auto scored = decoder.query_response(message).ValueOrDie();
  EXPECT_EQ(scored.points, 3);
  EXPECT_THAT(scored.scores, ElementsAre(0.75F, 0.5F, -0.25F));
  EXPECT_THAT(scored.versions, ElementsAre(9U, 0U, uint64_t{1} << 40U));
  const auto expected = to_batch(config, {points[4], points[0], points[2]});
  EXPECT_TRUE(builder->finish().ValueOrDie()->Equals(*expected));
  EXPECT_EQ(kind_of(decoder
                        .query_response("\x0a\x05"
                                        "abc")
                        .status()),
            ErrorKind::kCorrupt);
}

TEST(GrpcPoints, Groups) {
  const auto config = default_config({{.name = "", .dim = 2}});
  Generator generator(7);
  const auto batch = to_batch(config, carried_points(&generator, config, 3));
  const std::vector<int64_t> rows = {1, 0};
  const std::vector<Score> scores = {{0.5F, 1}, {0.25F, 2}};
  std::string groups;
  for (const char* id : {R"("a\u00e9")", "18446744073709551615", "-3"}) {
    ASSERT_TRUE(append_group(id, view_of(*batch), {.rows = rows}, scores, &groups).ok());
  }
  EXPECT_FALSE(append_group("1.5", view_of(*batch), {.rows = rows}, scores, &groups).ok());
  std::string message;
  append_part(1, groups, &message);
  append_time(2, 0.5, &message);
  qdrant::QueryGroupsResponse reply;
  ASSERT_TRUE(parse(message, &reply));
  EXPECT_EQ(reply.time(), 0.5);
  ASSERT_EQ(reply.result().groups_size(), 3);
  EXPECT_EQ(reply.result().groups(0).id().string_value(), "a\u00e9");
  EXPECT_EQ(reply.result().groups(1).id().unsigned_value(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(reply.result().groups(2).id().integer_value(), -3);
  ASSERT_EQ(reply.result().groups(2).hits_size(), 2);
  EXPECT_EQ(reply.result().groups(2).hits(1).score(), 0.25F);
}

TEST(GrpcPoints, OrderedRecords) {
  const auto config = default_config({{.name = "", .dim = 2}});
  Generator generator(5);
  const auto batch = to_batch(config, carried_points(&generator, config, 3));
  const std::vector<int64_t> rows = {2, 1};
  const std::vector<std::string> order = {"2.5e0", "9223372036854775807"};
  std::string message;
  ASSERT_TRUE(
      append_retrieved_points(
          view_of(*batch),
          {.rows = rows, .shown = {.payload = false, .vectors = false}, .order_values = order}, 2,
          &message)
          .ok());
  qdrant::ScrollResponse reply;
  ASSERT_TRUE(parse(message, &reply));
  ASSERT_EQ(reply.result_size(), 2);
  EXPECT_EQ(reply.result(0).order_value().float_(), 2.5);
  EXPECT_EQ(reply.result(1).order_value().int_(), std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(reply.result(0).has_vectors());
  EXPECT_EQ(reply.result(0).payload_size(), 0);
}

TEST(GrpcPoints, RefusesRequestsInTheServersWords) {
  const auto config =
      default_config({{.name = "", .dim = 4},
                      {.name = "s", .kind = VectorKind::kSparse, .distance = Distance::kDot}});
  const auto refusal = [&](const qdrant::PointStruct& point) {
    auto builder = builder_for(config);
    PointsDecoder decoder(builder.get(), Direction::kRequest);
    const Status status = decoder.point_struct(point.SerializeAsString());
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(kind_of(status), ErrorKind::kUsage);
    EXPECT_THAT(failure_of(status).where, IsEmpty());
    return failure_of(status).what;
  };
  qdrant::PointStruct point;
  EXPECT_EQ(refusal(point), "Empty ID is not allowed");
  point.mutable_id()->set_uuid("abc");
  EXPECT_EQ(refusal(point), "Unable to parse UUID: abc");
  point.mutable_id()->set_num(1);
  EXPECT_EQ(refusal(point), "Expected some vectors");
  point.mutable_vectors();
  EXPECT_EQ(refusal(point), "No Vector Provided");
  auto* data = point.mutable_vectors()->mutable_vector()->mutable_dense();
  data->add_data(1);
  EXPECT_EQ(refusal(point), "Wrong input: Vector dimension error: expected dim: 4, got 1");
  auto& named = *point.mutable_vectors()->mutable_vectors()->mutable_vectors();
  named["x"].mutable_dense()->add_data(1);
  EXPECT_EQ(refusal(point), "Wrong input: Not existing vector name error: x");
  named.clear();
  named["s"].mutable_dense()->add_data(1);
  EXPECT_THAT(refusal(point), HasSubstr("Conversion between sparse and regular vectors failed"));
  named["s"].mutable_document();
  EXPECT_THAT(refusal(point), HasSubstr("inference"));
}

TEST(GrpcPoints, TakesRequestsAsTheServerDoes) {
  const auto config = default_config(
      {{.name = "m", .kind = VectorKind::kMulti, .dim = 2},
       {.name = "s", .kind = VectorKind::kSparse, .distance = Distance::kDot},
       {.name = "u", .element = ElementType::kUint8, .dim = 4, .distance = Distance::kDot}});
  qdrant::UpsertPoints request;
  auto* point = request.add_points();
  point->mutable_id()->set_uuid("{550E8400-e29b-41d4-a716-446655440000}");
  auto& named = *point->mutable_vectors()->mutable_vectors()->mutable_vectors();
  for (const float value : {3.0F, 4.0F}) {
    named["m"].add_data(value);  // a flat list is one inner vector
  }
  for (const auto& [index, value] : {std::pair(7U, 0.5F), std::pair(3U, 1.25F)}) {
    named["s"].mutable_sparse()->add_indices(index);
    named["s"].mutable_sparse()->add_values(value);
  }
  for (const float value : {3.9F, -2.0F, 300.0F, std::numeric_limits<float>::quiet_NaN()}) {
    named["u"].mutable_dense()->add_data(value);
  }
  const auto points = decoded_upsert(config, request.SerializeAsString());
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(to_string(points[0].id), "550e8400-e29b-41d4-a716-446655440000");
  EXPECT_EQ(points[0].vectors.at("m"), dense({3.0F, 4.0F}));
  EXPECT_EQ(points[0].vectors.at("s"), sparse({3, 7}, {1.25F, 0.5F}));
  EXPECT_THAT(points[0].vectors.at("u").elements,
              ElementsAre(std::byte{3}, std::byte{0}, std::byte{255}, std::byte{0}));
}

TEST(GrpcPoints, ReplyThatDoesNotFitTheConfigurationIsAnError) {
  const auto config = default_config({{.name = "", .dim = 4}});
  qdrant::ScrollResponse reply;
  auto* point = reply.add_result();
  point->mutable_id()->set_num(5);
  point->mutable_vectors()->mutable_vector()->mutable_dense()->add_data(1);
  auto builder = builder_for(config);
  PointsDecoder decoder(builder.get(), Direction::kReply);
  const auto result = decoder.scroll_response(reply.SerializeAsString());
  EXPECT_EQ(kind_of(result.status()), ErrorKind::kIncompatible);
  EXPECT_THAT(failure_of(result.status()).where, HasSubstr("point 5"));
}

TEST(GrpcPoints, UnpackedAndSplitFloatsAreRead) {
  const auto config = default_config({{.name = "", .dim = 3, .distance = Distance::kDot}});
  const std::string one("\x00\x00\x80\x3f", 4);
  // dense.data as a packed run of one, a fixed32, and a packed run of one
  const std::string dense_bytes = "\x0a\x04" + one + "\x0d" + one + "\x0a\x04" + one;
  std::string vector =
      "\xaa\x06" + std::string(1, static_cast<char>(dense_bytes.size())) + dense_bytes;
  std::string vectors = "\x0a" + std::string(1, static_cast<char>(vector.size())) + vector;
  std::string point = std::string("\x0a\x02\x08\x07", 4) + "\x22" +
                      std::string(1, static_cast<char>(vectors.size())) + vectors;
  const std::string reply = "\x12" + std::string(1, static_cast<char>(point.size())) + point;
  const auto points = decoded_scroll(config, reply);
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(points[0].vectors.at(""), dense({1, 1, 1}));
}

TEST(GrpcPoints, BytesCutAnywhereAreNeverMoreThanAnError) {
  const auto config = Generator::every_kind();
  Generator generator(11);
  const auto batch = to_batch(config, carried_points(&generator, config, 3));
  const auto message = encode_scroll_response(view_of(*batch), {}, std::nullopt, 0).ValueOrDie();
  size_t errors = 0;
  for (size_t length = 0; length < message.size(); ++length) {
    auto builder = builder_for(config);
    PointsDecoder decoder(builder.get(), Direction::kReply);
    // A copy of its own, so that a sanitizer sees a step too far.
    const std::string part = message.substr(0, length);
    errors += decoder.scroll_response(part).ok() ? 0 : 1;
  }
  EXPECT_GT(errors, message.size() / 2);
}

TEST(GrpcPoints, AShardKeyIsText) {
  const auto config = default_config({{.dim = 1, .distance = Distance::kDot}});
  for (const auto& [key, good] : {std::pair("e\xc3\xbc", true), std::pair("e\xff", false)}) {
    qdrant::ScrollResponse reply;
    auto& point = *reply.add_result();
    point.mutable_id()->set_num(7);
    point.mutable_shard_key()->set_keyword(key);
    auto builder = builder_for(config);
    PointsDecoder decoder(builder.get(), Direction::kReply);
    EXPECT_EQ(decoder.scroll_response(deterministic(reply)).ok(), good) << key;
  }
}

// The numbers that we write by hand are those of the .proto files.
TEST(GrpcPoints, FieldNumbersAreThoseOfTheProto) {
  const auto number = [](const google::protobuf::Descriptor* type, const char* field) {
    return static_cast<uint32_t>(type->FindFieldByName(field)->number());
  };
  const auto* vector = qdrant::Vector::descriptor();
  EXPECT_EQ(number(vector, "data"), kOldData);
  EXPECT_EQ(number(vector, "indices"), kOldIndices);
  EXPECT_EQ(number(vector, "vectors_count"), kOldCount);
  EXPECT_EQ(number(vector, "dense"), kDense);
  EXPECT_EQ(number(vector, "sparse"), kSparse);
  EXPECT_EQ(number(vector, "multi_dense"), kMultiDense);
  EXPECT_EQ(number(qdrant::SparseVector::descriptor(), "values"), kSparseValues);
  EXPECT_EQ(number(qdrant::SparseVector::descriptor(), "indices"), kSparseIndices);
  const auto check = [&](const google::protobuf::Descriptor* type, const PointLayout& layout) {
    EXPECT_EQ(number(type, "id"), layout.id);
    EXPECT_EQ(number(type, "payload"), layout.payload);
    EXPECT_EQ(number(type, "vectors"), layout.vectors);
    if (layout.shard_key != 0) {
      EXPECT_EQ(number(type, "shard_key"), layout.shard_key);
    }
  };
  check(qdrant::PointStruct::descriptor(), kPointStruct);
  check(qdrant::RetrievedPoint::descriptor(), kRetrievedPoint);
  check(qdrant::ScoredPoint::descriptor(), kScoredPoint);
  const auto* upsert = qdrant::UpsertPoints::descriptor();
  EXPECT_EQ(number(upsert, "points"), kUpsertPoints);
  EXPECT_EQ(number(upsert, "shard_key_selector"), kUpsertShardKeys);
  EXPECT_EQ(number(upsert, "update_filter"), kUpsertFilter);
  EXPECT_EQ(number(upsert, "update_mode"), kUpsertMode);
}

}  // namespace
}  // namespace vecferry::wire
