#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "arrow/type_fwd.h"
#include "vecferry/backend/backend.h"

/// The points that benchmarks measure with: unit vectors and payloads of five fields, like a
/// catalogue of packages. The same on every run and machine.
namespace vecferry {

CollectionConfig seeded_config(uint32_t dim);

/// Points with the ids `first` up to `first + rows`.
Result<std::shared_ptr<arrow::RecordBatch>> seeded_batch(const CollectionConfig& config,
                                                         uint64_t first, int64_t rows);

/// Create, write and finish a collection of seeded points; what fails leaves nothing there.
Status seed_collection(Backend& backend, std::string_view name, uint32_t dim, uint64_t points,
                       StopToken stop);

}  // namespace vecferry
