#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "tests/support/points.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/transform.h"

namespace vecferry::testing {

/// Apply to a batch whole and in slices, check that both say the same and that the batch is sound,
/// and give its points.
inline std::vector<TestPoint> applied(Transform& transform,
                                      const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto whole = transform.apply(batch).ValueOrDie();
  must(validate_points(*whole));
  auto points = to_points(*whole);
  std::vector<TestPoint> in_slices;
  const int64_t step = 1 + batch->num_rows() / 3;
  for (int64_t first = 0; first < batch->num_rows(); first += step) {
    const auto slice = transform.clone()->apply(batch->Slice(first, step)).ValueOrDie();
    must(validate_points(*slice));
    for (auto& point : to_points(*slice)) {
      in_slices.push_back(std::move(point));
    }
  }
  if (in_slices != points) {
    must(fail({.what = "slices become something else than the whole"}));
  }
  // The configuration in the batch is the one that the transform announces.
  const auto announced = transform.config(config_of(*batch->schema()).ValueOrDie()).ValueOrDie();
  if (config_of(*whole->schema()).ValueOrDie() != announced) {
    must(fail({.what = "the batch has another configuration than was announced"}));
  }
  const auto expected = points_schema(announced).ValueOrDie();
  if (whole->schema()->num_fields() == expected->num_fields() &&
      !whole->schema()->Equals(*expected, false)) {
    must(fail({.what = "another schema than the points schema: " + whole->schema()->ToString()}));
  }
  return points;
}

inline std::vector<TestPoint> applied(Transform& transform, const CollectionConfig& config,
                                      const std::vector<TestPoint>& points) {
  return applied(transform, to_batch(config, points));
}

/// The payload of one point after the transform.
inline std::string payload_after(Transform& transform, std::string payload) {
  const auto batch = to_batch(default_config({}),
                              {{.id = PointId::of(uint64_t{1}), .payload = std::move(payload)}});
  return applied(transform, batch).front().payload;
}

}  // namespace vecferry::testing
