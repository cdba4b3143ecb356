#include "tests/backends/local/worker_points.h"

#include <string>

namespace vecferry::testing {

CollectionConfig worker_config() {
  CollectionConfig config =
      default_config({{.name = "dense", .dim = 16, .distance = Distance::kDot},
                      {.name = "words", .kind = VectorKind::kSparse, .distance = Distance::kDot}});
  config.payload_indexes = {{.path = "generation", .schema_json = "\"integer\""}};
  return config;
}

TestPoint worker_point(uint64_t id, uint64_t generation) {
  std::vector<float> values(16);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(id * 31 + generation * 7) + static_cast<float>(i) / 16;
  }
  const auto index = static_cast<uint32_t>(generation);
  return {.id = PointId::of(id),
          .vectors = {{"dense", dense(values)},
                      {"words", sparse({index, index + 5}, {values[0], 0.5F})}},
          .payload = "{\"generation\":" + std::to_string(generation) + ",\"text\":\"point " +
                     std::to_string(id) + " of " + std::to_string(generation) + "\"}"};
}

}  // namespace vecferry::testing
