#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/filter.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::testing {

/// Points with ids 1, 2, … and these payloads (any JSON spelling), and a vector "v" at odd ids.
inline std::shared_ptr<arrow::RecordBatch> batch_of(const std::vector<std::string>& payloads) {
  const auto config = default_config({{.name = "v", .dim = 2, .distance = Distance::kDot},
                                      {.name = "w", .dim = 1, .distance = Distance::kDot}});
  auto builder = PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
  const std::vector<float> values = {1, 2};
  for (size_t i = 0; i < payloads.size(); ++i) {
    EXPECT_TRUE(builder->start_point(PointId::of(uint64_t{i + 1})).ok());
    if (i % 2 == 0) {
      EXPECT_TRUE(builder->append_vector(0, values).ok());
    }
    EXPECT_TRUE(builder->append_payload(canonical_payload(payloads[i]).ValueOrDie()).ok());
  }
  return builder->finish().ValueOrDie();
}

inline std::shared_ptr<const Filter> filter_of(std::string_view text) {
  auto filter = Filter::parse(text);
  EXPECT_TRUE(filter.ok()) << filter.status().message();
  return filter.ok() ? *filter : Filter::parse("{}").ValueOrDie();
}

}  // namespace vecferry::testing
