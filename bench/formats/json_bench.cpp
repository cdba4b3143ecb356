// The plain form and JSON Lines: MB/s of JSON, a core. Import is from bytes to batches, export from
// batches to bytes. Beside them what another way takes over the same bytes.

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

#include "arrow/io/memory.h"
#include "bench/formats/bench_streams.h"
#include "vecferry/formats/json_reader.h"
#include "vecferry/formats/json_writer.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::bench {
namespace {

std::string text_of(JsonForm form) {
  auto stream = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto writer =
      JsonWriter::open(stream, seeded_config(384), {.form = form, .collection_name = "bench"})
          .ValueOrDie();
  for (const auto& batch : seeded_batches()) {
    must(writer->write(*batch));
  }
  must(writer->finish().status());
  return stream->Finish().ValueOrDie()->ToString();
}

const std::string& text(JsonForm form) {
  static const std::string plain = text_of(JsonForm::kPlain);
  static const std::string lines = text_of(JsonForm::kLines);
  return form == JsonForm::kPlain ? plain : lines;
}

void import_json(benchmark::State& state, JsonForm form) {
  const auto buffer = arrow::Buffer::FromString(text(form));
  const TextInput input{.name = "bench",
                        .open = [&]() -> Result<std::shared_ptr<arrow::io::InputStream>> {
                          return std::make_shared<arrow::io::BufferReader>(buffer);
                        }};
  const JsonReadOptions options{.form = form};
  int64_t rows = 0;
  for (auto _ : state) {
    const auto head = read_json_head(input, options, StopToken::Unstoppable()).ValueOrDie();
    auto reader = open_json_reader(input, head, options, StopToken::Unstoppable()).ValueOrDie();
    std::shared_ptr<arrow::RecordBatch> batch;
    for (;;) {
      must(reader->ReadNext(&batch));
      if (batch == nullptr) {
        break;
      }
      rows += batch->num_rows();
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text(form).size()));
  state.SetItemsProcessed(rows);
}
BENCHMARK_CAPTURE(import_json, plain, JsonForm::kPlain)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(import_json, lines, JsonForm::kLines)->Unit(benchmark::kMillisecond);

// What simdjson's tree takes for the same bytes, without a batch to show for it.
void import_by_simdjson_dom(benchmark::State& state) {
  const simdjson::padded_string padded(text(JsonForm::kPlain));
  simdjson::dom::parser parser;
  for (auto _ : state) {
    simdjson::dom::element root;
    if (parser.parse(padded).get(root) != simdjson::SUCCESS) {
      state.SkipWithError("not JSON");
    }
    benchmark::DoNotOptimize(root);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(padded.size()));
}
BENCHMARK(import_by_simdjson_dom)->Unit(benchmark::kMillisecond);

// What a program does that does not think about it.
void import_by_nlohmann(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(nlohmann::json::parse(text(JsonForm::kPlain)));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text(JsonForm::kPlain).size()));
}
BENCHMARK(import_by_nlohmann)->Unit(benchmark::kMillisecond);

void export_json(benchmark::State& state, JsonForm form) {
  const auto config = seeded_config(384);
  int64_t bytes = 0;
  int64_t rows = 0;
  for (auto _ : state) {
    auto stream = std::make_shared<NullStream>();
    auto writer =
        JsonWriter::open(stream, config, {.form = form, .collection_name = "bench"}).ValueOrDie();
    for (const auto& batch : seeded_batches()) {
      must(writer->write(*batch));
      rows += batch->num_rows();
    }
    must(writer->finish().status());
    bytes += stream->Tell().ValueOrDie();
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(rows);
}
BENCHMARK_CAPTURE(export_json, plain, JsonForm::kPlain)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(export_json, lines, JsonForm::kLines)->Unit(benchmark::kMillisecond);

// The floats alone, printed by the standard library into one buffer.
void export_floats_alone(benchmark::State& state) {
  const auto& batch = *seeded_batches().front();
  const auto points = PointsView::make(batch).ValueOrDie();
  std::string buffer(size_t{384} * 16, ' ');
  int64_t bytes = 0;
  for (auto _ : state) {
    for (int64_t row = 0; row < points.rows(); ++row) {
      const auto elements = points.vectors().front().elements(row);
      const auto* values = reinterpret_cast<const float*>(elements.data());
      char* p = buffer.data();
      for (size_t i = 0; i < 384; ++i) {
        p = std::to_chars(p, p + 16, values[i]).ptr;
      }
      bytes += p - buffer.data();
    }
    benchmark::DoNotOptimize(buffer.data());
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(export_floats_alone)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vecferry::bench
