// Parquet: MB/s of raw points (as they lie in batches), a core, with payload and digests. Beside it
// what Parquet itself takes for the vectors alone.

#include <benchmark/benchmark.h>

#include <string>

#include "arrow/io/memory.h"
#include "arrow/table.h"
#include "bench/formats/bench_streams.h"
#include "parquet/arrow/reader.h"
#include "parquet/arrow/writer.h"
#include "vecferry/digest/digest.h"
#include "vecferry/formats/parquet_file.h"
#include "vecferry/formats/parquet_writer.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::bench {
namespace {

int64_t raw_bytes() {
  int64_t bytes = 0;
  for (const auto& batch : seeded_batches()) {
    bytes += batch_bytes(*batch);
  }
  return bytes;
}

void write_all(const std::shared_ptr<arrow::io::OutputStream>& stream, RangeDigest* digest) {
  auto writer = ParquetWriter::open(stream, seeded_config(384), {}).ValueOrDie();
  for (const auto& batch : seeded_batches()) {
    if (digest != nullptr) {
      must(digest_batch(*batch, digest, nullptr));
    }
    must(writer->write(*batch));
  }
  must(writer->finish());
}

const std::shared_ptr<arrow::Buffer>& file() {
  static const auto bytes = [] {
    auto stream = arrow::io::BufferOutputStream::Create().ValueOrDie();
    write_all(stream, nullptr);
    return stream->Finish().ValueOrDie();
  }();
  return bytes;
}

void write_parquet(benchmark::State& state) {
  int64_t stored = 0;
  for (auto _ : state) {
    RangeDigest digest;
    auto stream = std::make_shared<NullStream>();
    write_all(stream, &digest);
    stored = stream->Tell().ValueOrDie();
    benchmark::DoNotOptimize(digest);
  }
  state.SetBytesProcessed(state.iterations() * raw_bytes());
  state.counters["stored"] = static_cast<double>(stored) / static_cast<double>(raw_bytes());
}
BENCHMARK(write_parquet)->Unit(benchmark::kMillisecond);

// Arrow's defaults over the same batches: dictionaries, no compression, no checksums, no digests.
void write_parquet_by_defaults(benchmark::State& state) {
  const auto table = arrow::Table::FromRecordBatches(seeded_batches()).ValueOrDie();
  int64_t stored = 0;
  for (auto _ : state) {
    auto stream = std::make_shared<NullStream>();
    must(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), stream));
    stored = stream->Tell().ValueOrDie();
  }
  state.SetBytesProcessed(state.iterations() * raw_bytes());
  state.counters["stored"] = static_cast<double>(stored) / static_cast<double>(raw_bytes());
}
BENCHMARK(write_parquet_by_defaults)->Unit(benchmark::kMillisecond);

void read_parquet(benchmark::State& state) {
  const ParquetInput input{.name = "bench",
                           .open = []() -> Result<std::shared_ptr<arrow::io::RandomAccessFile>> {
                             return std::make_shared<arrow::io::BufferReader>(file());
                           }};
  for (auto _ : state) {
    RangeDigest digest;
    const auto opened = ParquetFile::open(input, {}, StopToken::Unstoppable()).ValueOrDie();
    const auto reader = opened->read({}, StopToken::Unstoppable()).ValueOrDie();
    std::shared_ptr<arrow::RecordBatch> batch;
    for (;;) {
      must(reader->ReadNext(&batch));
      if (batch == nullptr) {
        break;
      }
      must(digest_batch(*batch, &digest, nullptr));
    }
    benchmark::DoNotOptimize(digest);
  }
  state.SetBytesProcessed(state.iterations() * raw_bytes());
}
BENCHMARK(read_parquet)->Unit(benchmark::kMillisecond);

// The same file by Arrow's reader alone: no checks of checksums, rows or payloads, no digests.
void read_parquet_by_arrow(benchmark::State& state) {
  for (auto _ : state) {
    parquet::arrow::FileReaderBuilder builder;
    must(builder.Open(std::make_shared<arrow::io::BufferReader>(file())));
    parquet::ArrowReaderProperties properties(false);
    properties.set_batch_size(2'500);
    properties.set_pre_buffer(false);
    builder.properties(properties);
    std::unique_ptr<parquet::arrow::FileReader> reader;
    must(builder.Build(&reader));
    const auto batches = reader->GetRecordBatchReader().ValueOrDie();
    std::shared_ptr<arrow::RecordBatch> batch;
    do {
      must(batches->ReadNext(&batch));
    } while (batch != nullptr);
  }
  state.SetBytesProcessed(state.iterations() * raw_bytes());
}
BENCHMARK(read_parquet_by_arrow)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vecferry::bench
