// The embedded engine through the local backend: 200,000 points of 384 dimensions with a payload of
// five fields, read on one lane, and written. VECFERRY_BENCH_POINTS changes how many.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "arrow/record_batch.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/local/local_backend.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/seeded_points.h"

namespace vecferry::bench {
namespace {

constexpr uint32_t kDim = 384;

uint64_t points() {
  const char* asked = std::getenv("VECFERRY_BENCH_POINTS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 200'000;
}

// One collection for all scans, made by the first.
class Fixture {
 public:
  static Backend& place() {
    static const Fixture fixture;
    return *fixture.backend_;
  }

 private:
  Fixture() {
    const Status made = [&]() -> Status {
      ARROW_ASSIGN_OR_RAISE(backend_, open_local(dir_.path() / "place"));
      return seed_collection(*backend_, "points", kDim, points(), StopToken::Unstoppable());
    }();
    if (!made.ok()) {
      made.Abort("cannot make the points");
    }
  }

  testing::TempDir dir_;
  std::unique_ptr<Backend> backend_;
};

Status drain(Backend& backend, const ScanOptions& options, int64_t* rows, int64_t* bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        backend.open_reader("points", options, StopToken::Unstoppable()));
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return Status::OK();
    }
    *rows += batch->num_rows();
    *bytes += batch_bytes(*batch);
  }
}

void scan(benchmark::State& state, const ScanOptions& options) {
  Backend& backend = Fixture::place();
  int64_t rows = 0;
  int64_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    const Status status = drain(backend, options, &rows, &bytes);
    if (!status.ok()) {
      state.SkipWithError(status.ToString().c_str());
      return;
    }
  }
  state.SetItemsProcessed(rows);
  state.SetBytesProcessed(bytes);
}

void scan_all(benchmark::State& state) {
  scan(state, {});
}
void scan_vectors(benchmark::State& state) {
  scan(state, {.payload = false});
}
void scan_payloads(benchmark::State& state) {
  scan(state, {.vectors = std::vector<std::string>{}});
}
void scan_ids(benchmark::State& state) {
  scan(state, {.vectors = std::vector<std::string>{}, .payload = false});
}

void load(benchmark::State& state) {
  const CollectionConfig config = seeded_config(kDim);
  const StopToken stop = StopToken::Unstoppable();
  const testing::TempDir dir;
  const auto backend = open_local(dir.path() / "place").ValueOrDie();
  int64_t rows = 0;
  for ([[maybe_unused]] auto _ : state) {
    Status status = backend->create("load", config, stop);
    for (uint64_t first = 0; status.ok() && first < points() / 4; first += 2048) {
      state.PauseTiming();
      const auto points_batch = seeded_batch(config, first, 2048).ValueOrDie();
      state.ResumeTiming();
      status = backend->open_writer("load", stop).ValueOrDie()->upsert(*points_batch);
      rows += 2048;
    }
    if (status.ok()) {
      status = backend->finish("load", config, stop);
    }
    state.PauseTiming();
    if (status.ok()) {
      status = backend->drop("load", stop);
    }
    state.ResumeTiming();
    if (!status.ok()) {
      state.SkipWithError(status.ToString().c_str());
      return;
    }
  }
  state.SetItemsProcessed(rows);
}

BENCHMARK(scan_all)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(scan_vectors)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(scan_payloads)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(scan_ids)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(load)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace vecferry::bench
