#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "arrow/array/util.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "parquet/arrow/reader.h"
#include "vecferry/formats/parquet_file_internal.h"
#include "vecferry/formats/parquet_schema_internal.h"
#include "vecferry/model/points_builder.h"

namespace vecferry::formats {
namespace {

bool overlaps(const IdRange& ids, const IdRange& range) {
  return (!range.to || *ids.from < *range.to) && (!range.from || *range.from <= *ids.to);
}

// Row groups that are read one after another, and the file's number of each row in them.
struct Part {
  int group = 0;
  int64_t first_row = 1;
  int64_t rows = 0;
};

class ParquetPointsReader : public arrow::RecordBatchReader {
 public:
  ParquetPointsReader(std::shared_ptr<const OpenParquet> file, ParquetReadOptions options,
                      StopToken stop, std::shared_ptr<arrow::Schema> schema)
      : file_(std::move(file)),
        options_(std::move(options)),
        stop_(std::move(stop)),
        schema_(std::move(schema)),
        checker_(file_->name(), [this](int64_t before, const IdVisitor& visit) {
          return file_->each_id_before(before, visit, stop_);
        }) {
    rows_.original_id_key = file_->foreign().original_id_key;
    rows_.finite = file_->head().config_inferred;
    for (const auto& spec : file_->head().config.vectors) {
      rows_.known.push_back(spec.name);
    }
    full_schema_ = schema_;
    for (const auto& name : options_.extra) {
      const auto field = file_->direct() ? file_->schema().GetFieldByName(name) : nullptr;
      if (field != nullptr) {
        auto fields = full_schema_->fields();
        fields.push_back(field);
        full_schema_ = arrow::schema(std::move(fields), schema_->metadata());
      }
    }
    int64_t first_row = 1;
    for (size_t i = 0; i < file_->groups().size(); ++i) {
      const auto& group = file_->groups()[i];
      if (!group.ids || overlaps(*group.ids, options_.range)) {
        parts_.push_back({static_cast<int>(i), first_row, group.rows});
      }
      first_row += group.rows;
    }
  }

  std::shared_ptr<arrow::Schema> schema() const override { return full_schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return guarded(file_->name(), [&]() { return read_next(batch); });
  }

 private:
  Status read_next(std::shared_ptr<arrow::RecordBatch>* out) {
    for (;;) {
      out->reset();
      ARROW_RETURN_NOT_OK(poll(stop_));
      if (batches_ == nullptr) {
        if (part_ == parts_.size()) {
          return Status::OK();
        }
        ARROW_RETURN_NOT_OK(open_part());
      }
      std::shared_ptr<arrow::RecordBatch> batch;
      const Status read = batches_->ReadNext(&batch);
      if (!read.ok()) {
        return widen(read_failure(read, file_->name()),
                     fmt::format("row group {}, row {} and after", parts_[part_].group,
                                 parts_[part_].first_row + done_in_part_));
      }
      if (batch == nullptr) {
        ARROW_RETURN_NOT_OK(close_part());
        continue;
      }
      const int64_t first_row = parts_[part_].first_row + done_in_part_;
      done_in_part_ += batch->num_rows();
      ARROW_ASSIGN_OR_RAISE(const auto rows, file_->direct() ? as_points(*batch, first_row)
                                                             : converted(*batch, first_row));
      ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*rows));
      ARROW_ASSIGN_OR_RAISE(batch, rows_in_range(with_extra(rows, *batch), points, options_.range));
      if (batch->num_rows() > 0) {
        *out = std::move(batch);
        return Status::OK();
      }
    }
  }

  std::vector<std::string> wanted_fields() const {
    std::vector<std::string> fields;
    for (const auto& field : file_->schema().fields()) {
      const auto& name = field->name();
      const bool is_vector =
          name == "vector" || name == "embedding" || name.rfind("vector.", 0) == 0;
      const bool is_key = name == "id" || name == "uuid" || name == "shard_key" ||
                          full_schema_->GetFieldIndex(name) >= schema_->num_fields();
      const bool skip = is_vector ? file_->direct() && schema_->GetFieldIndex(name) < 0
                                  : !is_key && !options_.payload;
      if (!skip) {
        fields.push_back(name);
      }
    }
    return fields;
  }

  Status open_part() {
    if (reader_ == nullptr) {
      const int64_t rows =
          std::clamp<int64_t>(options_.batch_bytes / file_->bytes_per_row(), 1, int64_t{1} << 20);
      ARROW_ASSIGN_OR_RAISE(reader_, file_->open_reader(rows));
    }
    auto batches =
        reader_->GetRecordBatchReader({parts_[part_].group}, file_->leaves_of(wanted_fields()));
    ARROW_RETURN_NOT_OK(batches.status());
    ARROW_ASSIGN_OR_RAISE(batches_, std::move(batches));
    done_in_part_ = 0;
    return Status::OK();
  }

  Status close_part() {
    batches_.reset();
    if (done_in_part_ != parts_[part_].rows) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("row group {} holds {} rows, {} were promised",
                                       parts_[part_].group, done_in_part_, parts_[part_].rows),
                   .where = file_->name()});
    }
    ++part_;
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> as_points(const arrow::RecordBatch& batch,
                                                        int64_t first_row) {
    arrow::ArrayVector arrays;
    for (const auto& field : schema_->fields()) {
      const auto column = batch.GetColumnByName(field->name());
      if (column == nullptr) {
        ARROW_ASSIGN_OR_RAISE(auto none, arrow::MakeArrayOfNull(field->type(), batch.num_rows()));
        arrays.push_back(std::move(none));
        continue;
      }
      auto array = retyped(column, field->type());
      if (array == nullptr) {
        return checker_.bad(first_row, field->name(), "the column has another type here");
      }
      arrays.push_back(std::move(array));
    }
    ARROW_ASSIGN_OR_RAISE(
        auto points,
        checker_.check(arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(arrays)),
                       first_row));
    return points;
  }

  // The columns that the caller asked for besides the points schema, as the file has them.
  std::shared_ptr<arrow::RecordBatch> with_extra(const std::shared_ptr<arrow::RecordBatch>& points,
                                                 const arrow::RecordBatch& read) const {
    if (full_schema_ == schema_) {
      return points;
    }
    arrow::ArrayVector arrays = points->columns();
    for (int i = schema_->num_fields(); i < full_schema_->num_fields(); ++i) {
      arrays.push_back(read.GetColumnByName(full_schema_->field(i)->name()));
    }
    return arrow::RecordBatch::Make(full_schema_, points->num_rows(), std::move(arrays));
  }

  Result<std::shared_ptr<arrow::RecordBatch>> converted(const arrow::RecordBatch& batch,
                                                        int64_t first_row) {
    ARROW_RETURN_NOT_OK(batch.ValidateFull());
    if (builder_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(builder_, PointsBuilder::make(schema_));
      ARROW_ASSIGN_OR_RAISE(columns_, foreign_columns(*batch.schema(), file_->name()));
    }
    ARROW_RETURN_NOT_OK(append_foreign(batch, columns_, rows_, first_row, checker_, *builder_));
    return builder_->finish();
  }

  std::shared_ptr<const OpenParquet> file_;
  ParquetReadOptions options_;
  StopToken stop_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Schema> full_schema_;  // with the extra columns
  RowChecker checker_;
  ForeignRows rows_;
  ForeignColumns columns_;
  std::unique_ptr<PointsBuilder> builder_;
  std::vector<Part> parts_;
  size_t part_ = 0;
  int64_t done_in_part_ = 0;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
};

}  // namespace

std::unique_ptr<arrow::RecordBatchReader> parquet_points_reader(
    std::shared_ptr<const OpenParquet> file, const ParquetReadOptions& options, StopToken stop,
    std::shared_ptr<arrow::Schema> schema) {
  return std::make_unique<ParquetPointsReader>(std::move(file), options, std::move(stop),
                                               std::move(schema));
}

}  // namespace vecferry::formats
