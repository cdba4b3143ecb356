#pragma once

#include <memory>
#include <string_view>

#include "arrow/record_batch.h"
#include "fuzz/check.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/filter.h"
#include "vecferry/model/points_builder.h"

namespace vecferry::fuzz {

/// A few points whose payloads have every type there is.
inline std::shared_ptr<arrow::RecordBatch> filter_subjects() {
  constexpr std::string_view kPayloads[] = {
      "{}",
      R"({"a":1,"b":[1,2.5,null,"x"],"c":{"d":[{"e":true},{"e":"2024-01-01"}]}})",
      R"({"a":"The quick brown fox","b":[],"g":{"lat":52.5,"lon":13.4},"id":null})",
  };
  const auto schema =
      points_schema(default_config({{.name = "v", .dim = 1, .distance = Distance::kDot}}));
  VECFERRY_CHECK(schema.ok());
  const auto builder = PointsBuilder::make(schema.ValueUnsafe());
  VECFERRY_CHECK(builder.ok());
  uint64_t id = 0;
  for (const std::string_view payload : kPayloads) {
    const auto canonical = canonical_payload(payload);
    VECFERRY_CHECK(canonical.ok());
    VECFERRY_CHECK((*builder)->start_point(PointId::of(++id)).ok());
    VECFERRY_CHECK((*builder)->append_payload(*canonical).ok());
  }
  const auto batch = (*builder)->finish();
  VECFERRY_CHECK(batch.ok());
  return *batch;
}

/// What has been read reads again from its own JSON, and can be asked of any point.
inline void check_filter(std::string_view text) {
  static const auto kBatch = filter_subjects();
  const auto filter = Filter::parse(text);
  if (!filter.ok()) {
    VECFERRY_CHECK(kind_of(filter.status()) == ErrorKind::kUsage);
    return;
  }
  const auto again = Filter::parse((*filter)->json());
  VECFERRY_CHECK(again.ok() && (*again)->json() == (*filter)->json());
  const auto kept = keep_matching(kBatch, **filter);
  const auto kept_again = keep_matching(kBatch, **again);
  VECFERRY_CHECK(kept.ok() && kept_again.ok());
  VECFERRY_CHECK((*kept)->num_rows() == (*kept_again)->num_rows());
}

}  // namespace vecferry::fuzz
