#pragma once

#include <memory>
#include <string_view>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

/// Between the points schema and what it looks like in a Parquet file: the same bytes, with the
/// types that other programs understand best.
namespace vecferry::formats {

inline constexpr std::string_view kNameKey = "vecferry.name";
inline constexpr std::string_view kOrderedKey = "vecferry.ordered";
inline constexpr std::string_view kExtraKey = "vecferry.extra";  ///< names, separated by commas

/// The points schema with extension types for UUID and JSON, and vector elements that cannot be
/// null.
Result<std::shared_ptr<arrow::Schema>> parquet_schema(const CollectionConfig& config);

/// The same column under another type of the same layout: extension types, field names and
/// nullability may differ. Null when the layouts differ.
std::shared_ptr<arrow::Array> retyped(const std::shared_ptr<arrow::Array>& array,
                                      const std::shared_ptr<arrow::DataType>& type);

}  // namespace vecferry::formats
