// Digest of a batch beside bare XXH3 over the same vector bytes: what the framing, the ids and the
// payload cost on top.

#include <benchmark/benchmark.h>
#include <xxhash.h>

#include <random>
#include <string>

#include "arrow/record_batch.h"
#include "vecferry/digest/digest.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

constexpr int64_t kRows = 2000;
constexpr std::string_view kPayload =
    R"({"arch":"amd64","installed_size":12345,"name":"libexample-dev","priority":"optional","section":"libs"})";

void must(const Status& status) {
  if (!status.ok()) {
    status.Abort();
  }
}

std::shared_ptr<arrow::RecordBatch> batch_of(uint32_t dim) {
  const auto config =
      default_config({{"", VectorKind::kDense, ElementType::kFloat32, dim, Distance::kCosine}});
  const auto builder = PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
  std::mt19937 random(1);
  std::uniform_real_distribution<float> element(-1.0F, 1.0F);
  std::vector<float> values(dim);
  for (int64_t row = 0; row < kRows; ++row) {
    must(builder->start_point(PointId::of(static_cast<uint64_t>(row))));
    for (float& value : values) {
      value = element(random);
    }
    must(builder->append_vector(0, values));
    must(builder->append_payload(kPayload));
  }
  return builder->finish().ValueOrDie();
}

void count_vector_bytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * kRows * state.range(0) *
                          static_cast<int64_t>(sizeof(float)));
  state.SetItemsProcessed(state.iterations() * kRows);
}

void digest_a_batch(benchmark::State& state) {
  const auto batch = batch_of(static_cast<uint32_t>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) {
    RangeDigest sum;
    must(digest_batch(*batch, &sum, nullptr));
    benchmark::DoNotOptimize(sum);
  }
  count_vector_bytes(state);
}
BENCHMARK(digest_a_batch)->Arg(8)->Arg(128)->Arg(384)->Arg(1536)->Arg(4096);

void bare_xxh3_a_vector(benchmark::State& state) {
  const auto batch = batch_of(static_cast<uint32_t>(state.range(0)));
  const PointsView points = PointsView::make(*batch).ValueOrDie();
  for ([[maybe_unused]] auto _ : state) {
    for (int64_t row = 0; row < kRows; ++row) {
      const auto elements = points.vectors().front().elements(row);
      auto hash = XXH3_128bits(elements.data(), elements.size_bytes());
      benchmark::DoNotOptimize(hash);
    }
  }
  count_vector_bytes(state);
}
BENCHMARK(bare_xxh3_a_vector)->Arg(8)->Arg(128)->Arg(384)->Arg(1536)->Arg(4096);

}  // namespace
}  // namespace vecferry
