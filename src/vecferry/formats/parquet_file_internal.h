#pragma once

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/type_fwd.h"
#include "parquet/arrow/reader.h"
#include "parquet/metadata.h"
#include "vecferry/formats/foreign_points_internal.h"
#include "vecferry/formats/parquet_file.h"
#include "vecferry/formats/parquet_rows_internal.h"
#include "vecferry/formats/text_input.h"

namespace vecferry::formats {

inline Status with_kind(const Status& status, const std::string& file) {
  return read_failure(status, file);
}

template <typename T>
Result<T> with_kind(Result<T> result, const std::string& file) {
  return result.ok() ? std::move(result) : Result<T>(read_failure(result.status(), file));
}

/// Run what reads Parquet: its lower level throws, and hostile counts make it allocate without end.
template <typename Call>
auto guarded(const std::string& file, Call call) -> decltype(call()) {
  try {
    return with_kind(call(), file);
  } catch (const std::exception& error) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("not readable as Parquet: {}", error.what()),
                 .where = file});
  }
}

struct RowGroup {
  int64_t rows = 0;
  std::optional<IdRange> ids{};  ///< first to last, both inclusive, when statistics tell
};

/// What is known of a file once it is open; shared by its readers.
/// Thread: safe once `open` has returned.
class OpenParquet {
 public:
  OpenParquet(ParquetInput input, ForeignOptions foreign)
      : input_(std::move(input)), foreign_(std::move(foreign)) {}

  Status open(const StopToken& stop);

  const FileHead& head() const { return head_; }
  const std::string& name() const { return input_.name; }
  const std::vector<RowGroup>& groups() const { return groups_; }
  const arrow::Schema& schema() const { return *schema_; }
  const ForeignOptions& foreign() const { return foreign_; }
  /// Columns that the file has besides the points schema, by its own account.
  const std::vector<std::string>& extra() const { return extra_; }
  /// Are the file's columns the points schema's, byte for byte?
  bool direct() const { return direct_; }

  std::vector<IdRange> plan(int parts) const;

  /// Every reader is a new one: they are not for two threads.
  Result<std::unique_ptr<parquet::arrow::FileReader>> open_reader(int64_t batch_rows) const;

  /// Leaf columns of the Parquet schema below these top-level fields.
  std::vector<int> leaves_of(const std::vector<std::string>& fields) const;

  int64_t bytes_per_row() const;

  /// Ids of the rows before one: for the first id that is out of order, which is rare.
  Status each_id_before(int64_t before_row, const IdVisitor& visit, const StopToken& stop) const;

 private:
  Status refuse_geometry(const parquet::SchemaDescriptor& descriptor) const;
  void look_at_row_groups();
  void read_extra(const std::string& names);
  bool is_direct(const arrow::Schema& points) const;
  Status infer(parquet::arrow::FileReader& reader, const StopToken& stop);
  Result<std::shared_ptr<arrow::RecordBatch>> ids_only(const arrow::RecordBatch& batch,
                                                       int64_t first_row) const;

  ParquetInput input_;
  ForeignOptions foreign_;
  std::shared_ptr<parquet::FileMetaData> metadata_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<RowGroup> groups_;
  FileHead head_;
  ForeignColumns columns_;
  std::vector<std::string> extra_;
  bool direct_ = false;
};

/// The points of an open file. Made by `ParquetFile::read`.
std::unique_ptr<arrow::RecordBatchReader> parquet_points_reader(
    std::shared_ptr<const OpenParquet> file, const ParquetReadOptions& options, StopToken stop,
    std::shared_ptr<arrow::Schema> schema);

}  // namespace vecferry::formats
