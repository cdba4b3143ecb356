#include "vecferry/ops/seeded_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

constexpr int64_t kBatchRows = 2048;

constexpr std::array<std::string_view, 8> kSections = {"admin", "devel", "doc",  "libs",
                                                       "math",  "net",   "perl", "utils"};
constexpr std::array<std::string_view, 12> kWords = {"library", "shared",   "files",  "for",
                                                     "network", "runtime",  "common", "modules",
                                                     "header",  "compiler", "data",   "tools"};

// SplitMix64: every id has its own stream, so a batch may start anywhere.
class Stream {
 public:
  explicit Stream(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 0x123456789U) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  float unit() { return static_cast<float>(next() >> 40) / 8388608.0F - 1.0F; }

 private:
  uint64_t state_;
};

void fill_vector(Stream& stream, std::vector<float>* values) {
  double sum = 0;
  for (float& value : *values) {
    value = stream.unit();
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  const double scale = 1.0 / std::sqrt(sum);
  for (float& value : *values) {
    value = static_cast<float>(static_cast<double>(value) * scale);
  }
}

void fill_payload(Stream& stream, uint64_t id, std::string* text) {
  text->clear();
  const uint64_t number = stream.next();
  fmt::format_to(std::back_inserter(*text), R"({{"installed_size":{},"package":"lib{}-{}",)",
                 number % 100'000, kWords[number % kWords.size()], id);
  fmt::format_to(std::back_inserter(*text), R"("section":"{}","summary":")",
                 kSections[(number >> 20) % kSections.size()]);
  for (int word = 0; word < 16; ++word) {
    fmt::format_to(std::back_inserter(*text), "{}{}", word == 0 ? "" : " ",
                   kWords[stream.next() % kWords.size()]);
  }
  fmt::format_to(std::back_inserter(*text), R"(","version":"{}.{}-{}"}})", (number >> 32) % 20,
                 (number >> 40) % 50, number % 9);
}

Status fill_seeded(Backend& backend, std::string_view name, const CollectionConfig& config,
                   uint64_t points, const StopToken& stop) {
  {
    ARROW_ASSIGN_OR_RAISE(const auto writer, backend.open_writer(name, stop));
    for (uint64_t first = 0; first < points; first += kBatchRows) {
      ARROW_RETURN_NOT_OK(poll(stop));
      const auto rows = static_cast<int64_t>(std::min<uint64_t>(kBatchRows, points - first));
      ARROW_ASSIGN_OR_RAISE(const auto batch, seeded_batch(config, first, rows));
      ARROW_RETURN_NOT_OK(writer->upsert(*batch));
    }
    ARROW_RETURN_NOT_OK(writer->checkpoint());
  }
  return backend.finish(name, config, stop);
}

}  // namespace

CollectionConfig seeded_config(uint32_t dim) {
  return default_config({{.dim = dim, .distance = Distance::kCosine}});
}

Result<std::shared_ptr<arrow::RecordBatch>> seeded_batch(const CollectionConfig& config,
                                                         uint64_t first, int64_t rows) {
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(config));
  ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(std::move(schema)));
  std::vector<float> values(config.vectors.front().dim);
  std::string payload;
  for (int64_t row = 0; row < rows; ++row) {
    const uint64_t id = first + static_cast<uint64_t>(row);
    Stream stream(id);
    fill_vector(stream, &values);
    fill_payload(stream, id, &payload);
    ARROW_RETURN_NOT_OK(builder->start_point(PointId::of(id)));
    ARROW_RETURN_NOT_OK(builder->append_vector(0, values));
    ARROW_RETURN_NOT_OK(builder->append_payload(payload));
  }
  return builder->finish();
}

Status seed_collection(Backend& backend, std::string_view name, uint32_t dim, uint64_t points,
                       StopToken stop) {
  const CollectionConfig config = seeded_config(dim);
  ARROW_RETURN_NOT_OK(backend.create(name, config, stop));
  Status status = fill_seeded(backend, name, config, points, stop);
  if (!status.ok()) {
    discard(backend.drop(name, StopToken::Unstoppable()), "what failed before is what matters");
  }
  return status;
}

}  // namespace vecferry
