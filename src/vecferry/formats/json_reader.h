#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/formats/json_form.h"
#include "vecferry/formats/text_input.h"
#include "vecferry/model/config.h"
#include "vecferry/model/id_range.h"

/// Reading the plain form and JSON Lines as batches of points.
/// Source: docs/file-formats.md.
namespace vecferry {

/// What a file says of its collection.
struct FileHead {
  CollectionConfig config{};
  std::string collection_name{};           ///< empty: it does not say
  std::optional<uint64_t> points_count{};  ///< when it says so before its points
  bool config_inferred = false;            ///< made up from the first points
  bool ordered = false;                    ///< known to be in id order
};

struct JsonReadOptions {
  JsonForm form = JsonForm::kPlain;
  Distance distance = Distance::kCosine;              ///< for files without a configuration
  std::string original_id_key = "original_id";        ///< payload key for ids that are no ids
  std::optional<std::vector<std::string>> vectors{};  ///< only these; none: all
  bool payload = true;
  IdRange range{};  ///< only points in it
  int64_t batch_bytes = int64_t{4} << 20;
};

/// Read what stands before the points; without a configuration, enough points to make one up.
/// Errors: kCorrupt with file, document or line, field.
Result<FileHead> read_json_head(const TextInput& input, const JsonReadOptions& options,
                                StopToken stop);

/// Batches in the order of the file, in the points schema of the head's configuration.
/// Memory: one batch, one document, and for ids out of order about 20 bytes a point.
/// Errors: kCorrupt with file, document or line, field; a duplicate id names both places.
Result<std::unique_ptr<arrow::RecordBatchReader>> open_json_reader(const TextInput& input,
                                                                   const FileHead& head,
                                                                   const JsonReadOptions& options,
                                                                   StopToken stop);

/// The number of points, each of which must be readable as JSON with an id; those in the range.
Result<uint64_t> count_json_points(const TextInput& input, const JsonReadOptions& options,
                                   StopToken stop);

}  // namespace vecferry
