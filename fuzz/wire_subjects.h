#pragma once

#include <memory>

#include "arrow/record_batch.h"
#include "fuzz/check.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

/// What the fuzz targets of the wire decode into: a collection with vectors of every kind.
namespace vecferry::fuzz {

inline std::unique_ptr<PointsBuilder> wire_builder() {
  static const auto schema =
      points_schema(
          default_config({{.name = "", .dim = 2, .distance = Distance::kDot},
                          {.name = "h", .element = ElementType::kFloat16, .dim = 3},
                          {.name = "m", .kind = VectorKind::kMulti, .dim = 2},
                          {.name = "s", .kind = VectorKind::kSparse, .distance = Distance::kDot},
                          {.name = "u", .element = ElementType::kUint8, .dim = 2}}))
          .ValueOrDie();
  return PointsBuilder::make(schema).ValueOrDie();
}

/// The builder's batch, which holds to the points schema.
inline std::shared_ptr<arrow::RecordBatch> valid_batch(PointsBuilder* builder) {
  auto batch = builder->finish();
  VECFERRY_CHECK(batch.ok());
  VECFERRY_CHECK(validate_points(**batch).ok());
  return *std::move(batch);
}

}  // namespace vecferry::fuzz
