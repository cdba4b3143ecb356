#pragma once

#include <memory>

#include "vecferry/backend/backend.h"

/// For places that read whole batches: filter, selection and cursor on top of them.
namespace vecferry {

/// What of the scan the reader below has done itself.
struct ReaderPlan {
  CollectionConfig config{};
  bool ordered = false;
};

/// The vectors and payload that the reader below must give: with a filter all, for it may ask for
/// any of them.
std::optional<std::vector<std::string>> vectors_to_read(const ScanOptions& options);
bool payload_to_read(const ScanOptions& options);

/// Filter, leave out what was not asked for, and keep the cursor. `batches` gives points of the
/// range, in the points schema with `vectors_to_read`.
Result<std::unique_ptr<PointReader>> filtered_reader(
    std::unique_ptr<arrow::RecordBatchReader> batches, const ReaderPlan& plan,
    const ScanOptions& options);

}  // namespace vecferry
