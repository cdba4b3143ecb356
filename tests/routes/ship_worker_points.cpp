#include "tests/routes/ship_worker_points.h"

#include <nlohmann/json.hpp>

#include "arrow/record_batch.h"

namespace vecferry::testing {

CollectionConfig worker_config() {
  auto config = default_config(
      {{.dim = 64, .distance = Distance::kDot}, {.name = "words", .kind = VectorKind::kSparse}});
  auto settings = nlohmann::json::parse(config.settings_json);
  settings["optimizer_config"]["indexing_threshold"] = 1;
  config.settings_json = settings.dump();
  config.payload_indexes = {{.path = "n", .schema_json = "\"integer\""}};
  return config;
}

std::vector<TestPoint> worker_points(size_t batch) {
  constexpr size_t kDim = 64;
  std::vector<TestPoint> points;
  for (size_t row = 0; row < kWorkerBatch; ++row) {
    const size_t id = batch * kWorkerBatch + row;
    std::vector<float> values(kDim);
    for (size_t i = 0; i < kDim; ++i) {
      values[i] = static_cast<float>((id * 31 + i * 17) % 101);
    }
    points.push_back(
        {.id = PointId::of(id),
         .vectors = {{"", dense(values)}, {"words", sparse({static_cast<uint32_t>(id)}, {1.0F})}},
         .payload = "{\"n\":" + std::to_string(id) + "}"});
  }
  return points;
}

std::shared_ptr<arrow::RecordBatch> worker_batch(size_t batch) {
  return to_batch(worker_config(), worker_points(batch));
}

}  // namespace vecferry::testing
