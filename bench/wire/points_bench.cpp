// Points of replies and requests: points/s, one core. The bar is what generated code takes for the
// same bytes, with and without an arena, and it only parses or only serialises.

#include <benchmark/benchmark.h>
#include <google/protobuf/arena.h>
#include <points.pb.h>

#include <string>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/seeded_points.h"
#include "vecferry/wire/grpc_points.h"
#include "vecferry/wire/rest_points.h"

namespace vecferry::bench {
namespace {

constexpr int64_t kRows = 1000;
constexpr uint32_t kDim = 384;
constexpr int64_t kNoLimit = int64_t{1} << 40;

const arrow::RecordBatch& points() {
  static const auto batch = seeded_batch(seeded_config(kDim), 1, kRows).ValueOrDie();
  return *batch;
}
const PointsView& view() {
  static const auto view = PointsView::make(points()).ValueOrDie();
  return view;
}
const std::string& reply() {
  static const auto bytes = wire::encode_scroll_response(view(), {}, std::nullopt, 0).ValueOrDie();
  return bytes;
}
std::unique_ptr<PointsBuilder> builder() {
  return PointsBuilder::make(points().schema()).ValueOrDie();
}

void count(benchmark::State& state, size_t bytes) {
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void decode_scroll(benchmark::State& state) {
  const auto batch_builder = builder();
  wire::PointsDecoder decoder(batch_builder.get(), wire::Direction::kReply);
  for (auto _ : state) {
    benchmark::DoNotOptimize(decoder.scroll_response(reply()).ValueOrDie());
    benchmark::DoNotOptimize(batch_builder->finish().ValueOrDie());
  }
  count(state, reply().size());
}
BENCHMARK(decode_scroll);

void generated_parse(benchmark::State& state) {
  for (auto _ : state) {
    qdrant::ScrollResponse message;
    benchmark::DoNotOptimize(message.ParseFromString(reply()));
  }
  count(state, reply().size());
}
BENCHMARK(generated_parse);

void generated_parse_arena(benchmark::State& state) {
  for (auto _ : state) {
    google::protobuf::Arena arena;
    auto* message = google::protobuf::Arena::CreateMessage<qdrant::ScrollResponse>(&arena);
    benchmark::DoNotOptimize(message->ParseFromString(reply()));
  }
  count(state, reply().size());
}
BENCHMARK(generated_parse_arena);

void encode_upsert(benchmark::State& state) {
  size_t bytes = 0;
  for (auto _ : state) {
    bytes =
        wire::encode_upsert(view(), 0, kNoLimit, {.collection = "c"}).ValueOrDie().message.size();
  }
  count(state, bytes);
}
BENCHMARK(encode_upsert);

void generated_serialise(benchmark::State& state) {
  qdrant::UpsertPoints message;
  message.ParseFromString(
      wire::encode_upsert(view(), 0, kNoLimit, {.collection = "c"}).ValueOrDie().message);
  for (auto _ : state) {
    benchmark::DoNotOptimize(message.SerializeAsString());
  }
  count(state, message.ByteSizeLong());
}
BENCHMARK(generated_serialise);

void read_rest_reply(benchmark::State& state) {
  std::string body = R"({"result":{"points":[)";
  for (int64_t row = 0; row < kRows; ++row) {
    body += row == 0 ? "" : ",";
    wire::append_record(view(), row, {}, std::nullopt, &body);
  }
  body += R"(],"next_page_offset":null},"status":"ok","time":0.1})";
  const auto batch_builder = builder();
  wire::RestPointsReader reader(batch_builder.get(), wire::Direction::kReply);
  for (auto _ : state) {
    benchmark::DoNotOptimize(reader.reply(&body).ValueOrDie());
    benchmark::DoNotOptimize(batch_builder->finish().ValueOrDie());
  }
  count(state, body.size());
}
BENCHMARK(read_rest_reply);

void write_rest_upsert(benchmark::State& state) {
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = wire::write_upsert(view(), 0, kNoLimit, {}).ValueOrDie().body.size();
  }
  count(state, bytes);
}
BENCHMARK(write_rest_upsert);

}  // namespace
}  // namespace vecferry::bench
