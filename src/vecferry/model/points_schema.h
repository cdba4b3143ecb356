#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"
#include "vecferry/model/point_id.h"

/// The points schema: what a batch of points is, everywhere in the program.
///
/// | column              | Arrow type                                            |
/// |---------------------|-------------------------------------------------------|
/// | `id`                | uint64, nullable                                      |
/// | `uuid`              | fixed_size_binary(16), nullable, `arrow.uuid`         |
/// | `shard_key`         | utf8, nullable                                        |
/// | `vector`, `vector.N` | per kind (below), nullable; null = the point lacks it |
/// | `payload`           | large_utf8, nullable, `arrow.json`, canonical JSON    |
///
/// Dense: fixed_size_list<T>[dim]; multi: list<fixed_size_list<T>[dim]>; sparse:
/// struct<indices: list<uint32>, values: list<float32>>, indices ascending. Exactly one of `id` and
/// `uuid` is set in a row. Columns come in this order, vectors by name. The schema's metadata has
/// the collection's configuration under `vecferry.collection`.
namespace vecferry {

inline constexpr std::string_view kConfigMetadataKey = "vecferry.collection";

/// Column name of a vector: "vector" for the unnamed one, else "vector.NAME".
std::string vector_column_name(std::string_view vector_name);

/// The schema of a collection's points. With `vectors`, only those (by name, any order).
/// Errors: kNotFound for a name that the configuration lacks.
Result<std::shared_ptr<arrow::Schema>> points_schema(
    const CollectionConfig& config,
    const std::optional<std::vector<std::string>>& vectors = std::nullopt);

/// The configuration in a schema's metadata.
/// Errors: kCorrupt when it has none or it cannot be read.
Result<CollectionConfig> config_of(const arrow::Schema& schema);

/// The same schema with another configuration in its metadata.
std::shared_ptr<arrow::Schema> with_config(const std::shared_ptr<arrow::Schema>& schema,
                                           const CollectionConfig& config);

/// Raw buffers of one vector column; offsets of sliced batches are already applied.
/// Lifetime: that of the batch it was made from.
class VectorColumn {
 public:
  const VectorSpec& spec() const { return spec_; }
  /// Column index in the batch.
  int column() const { return column_; }
  bool present(int64_t row) const;

  /// Elements of a dense or multivector row, little-endian: `vector_count(row) * dim` of them.
  std::span<const std::byte> elements(int64_t row) const;
  /// Inner vectors of a row: 1 for dense.
  int64_t vector_count(int64_t row) const;

  std::span<const uint32_t> indices(int64_t row) const;  ///< sparse only
  std::span<const float> values(int64_t row) const;      ///< sparse only

 private:
  friend class PointsView;
  static Result<VectorColumn> make(const arrow::Array& array, std::string_view name, int index);
  Status read_dense(const arrow::FixedSizeListArray& dense, std::string_view name,
                    const arrow::DataType& type);

  VectorSpec spec_{};
  int column_ = 0;
  const uint8_t* validity_ = nullptr;  // null: no nulls
  int64_t offset_ = 0;
  const std::byte* elements_ = nullptr;
  const int32_t* list_offsets_ = nullptr;   // multi
  const int32_t* index_offsets_ = nullptr;  // sparse
  const int32_t* value_offsets_ = nullptr;  // sparse
  const uint32_t* indices_ = nullptr;
  const float* values_ = nullptr;
  int64_t row_bytes_ = 0;  // of one inner vector
};

/// Typed view of a batch: columns are looked up once, rows are read without allocation.
/// Lifetime: outlived by the batch. Thread: read by any number of threads.
class PointsView {
 public:
  /// Errors: kCorrupt naming the column whose type does not fit the points schema.
  static Result<PointsView> make(const arrow::RecordBatch& batch);

  int64_t rows() const { return rows_; }
  PointId id(int64_t row) const;
  std::optional<std::string_view> shard_key(int64_t row) const;
  /// Canonical JSON; empty when the point has no payload.
  std::string_view payload(int64_t row) const;
  const std::vector<VectorColumn>& vectors() const { return vectors_; }

 private:
  Status read_column(const arrow::Array& array, std::string_view name, int index);

  int64_t rows_ = 0;
  const arrow::UInt64Array* ids_ = nullptr;
  const arrow::FixedSizeBinaryArray* uuids_ = nullptr;
  const arrow::StringArray* shard_keys_ = nullptr;
  const arrow::LargeStringArray* payloads_ = nullptr;
  std::vector<VectorColumn> vectors_{};
};

/// Check a batch that came from outside: ValidateFull, the points schema, one id a row, sparse
/// indices ascending with as many values. Rows are named in the error.
/// Errors: kCorrupt.
Status validate_points(const arrow::RecordBatch& batch);

/// Bytes of a batch's rows as they lie in memory; slices count their own rows only.
int64_t batch_bytes(const arrow::RecordBatch& batch);

}  // namespace vecferry
