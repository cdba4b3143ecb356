#include <fmt/format.h>

#include <utility>
#include <vector>

#include "arrow/record_batch.h"
#include "vecferry/backends/files/file_source_internal.h"
#include "vecferry/backends/files/points_output_internal.h"
#include "vecferry/formats/json_reader.h"
#include "vecferry/formats/text_input.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::files {

PointsOutput::PointsOutput(std::shared_ptr<FileSink> sink, FileFormat format,
                           CollectionConfig config, OutputOptions options)
    : sink_(std::move(sink)),
      format_(format),
      config_(std::move(config)),
      options_(std::move(options)) {}

Result<std::unique_ptr<PointsOutput>> PointsOutput::create(std::shared_ptr<FileSink> sink,
                                                           FileFormat format,
                                                           CollectionConfig config,
                                                           OutputOptions options) {
  std::unique_ptr<PointsOutput> output(
      new PointsOutput(std::move(sink), format, std::move(config), std::move(options)));
  ARROW_RETURN_NOT_OK(output->open());
  return output;
}

Status PointsOutput::open() {
  ARROW_ASSIGN_OR_RAISE(stream_, compress(sink_, format_.compression));
  if (format_.form == FileForm::kParquet) {
    ARROW_ASSIGN_OR_RAISE(
        parquet_,
        ParquetWriter::open(stream_, config_, {.collection_name = options_.collection_name}));
    return Status::OK();
  }
  JsonWriteOptions json;
  json.form = format_.form == FileForm::kPlainJson ? JsonForm::kPlain : JsonForm::kLines;
  json.collection_name = options_.collection_name;
  json.points_count = options_.points_count;
  json.patchable = sink_->patchable() && format_.compression == FileCompression::kNone;
  ARROW_ASSIGN_OR_RAISE(json_, JsonWriter::open(stream_, config_, json));
  return Status::OK();
}

Status PointsOutput::check(const PointsView& points) const {
  // A payload has two bytes at least for each level.
  const auto harmless = static_cast<size_t>(2 * options_.max_payload_depth);
  for (int64_t row = 0; row < points.rows(); ++row) {
    const auto payload = points.payload(row);
    if (payload.size() > harmless && nesting_depth(payload) > options_.max_payload_depth) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("the payload is nested deeper than {} levels",
                                       options_.max_payload_depth),
                   .where = fmt::format("point {}, payload", to_string(points.id(row)))});
    }
  }
  return Status::OK();
}

Status PointsOutput::write(const arrow::RecordBatch& batch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ARROW_RETURN_NOT_OK(broken_);
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
  ARROW_RETURN_NOT_OK(check(points));
  const Status written = json_ != nullptr ? json_->write(batch) : parquet_->write(batch);
  if (!written.ok()) {
    if (kind_of(written) != ErrorKind::kIncompatible) {
      broken_ = written;
    }
    return written;
  }
  for (int64_t row = 0; ascending_ && row < points.rows(); ++row) {
    const PointId id = points.id(row);
    ascending_ = !last_ || *last_ < id;
    last_ = id;
  }
  return Status::OK();
}

Status PointsOutput::close() {
  std::optional<TextPatch> patch;
  if (json_ != nullptr) {
    ARROW_ASSIGN_OR_RAISE(patch, json_->finish());
  } else {
    ARROW_RETURN_NOT_OK(parquet_->finish());
  }
  ARROW_RETURN_NOT_OK(stream_->Close());
  return patch ? sink_->patch(patch->offset, patch->text) : Status::OK();
}

// Ids that came in ascending order cannot meet. For others the readers look, as they do anyway:
// that needs no memory while writing.
Status PointsOutput::find_duplicates(const StopToken& stop) const {
  if (ascending_ || sink_->partial().empty()) {
    return Status::OK();
  }
  const FileSource source(sink_->partial().string(), {});
  const std::vector<std::string> no_vectors;
  std::shared_ptr<arrow::RecordBatchReader> reader;
  if (format_.form == FileForm::kParquet) {
    ARROW_ASSIGN_OR_RAISE(const auto file, ParquetFile::open(source.parquet(), {}, stop));
    ARROW_ASSIGN_OR_RAISE(reader, file->read({.vectors = no_vectors, .payload = false}, stop));
  } else {
    JsonReadOptions options;
    options.form = format_.form == FileForm::kPlainJson ? JsonForm::kPlain : JsonForm::kLines;
    options.vectors = no_vectors;
    options.payload = false;
    const auto input = source.text(format_.compression);
    ARROW_ASSIGN_OR_RAISE(const auto head, read_json_head(input, options, stop));
    ARROW_ASSIGN_OR_RAISE(reader, open_json_reader(input, head, options, stop));
  }
  std::shared_ptr<arrow::RecordBatch> batch;
  do {
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
  } while (batch != nullptr);
  return Status::OK();
}

Status PointsOutput::finish(const StopToken& stop) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ARROW_RETURN_NOT_OK(broken_);
  broken_ = fail(
      {.kind = ErrorKind::kIncompatible, .what = "the file is written; it takes no more points"});
  ARROW_RETURN_NOT_OK(close());
  ARROW_RETURN_NOT_OK(find_duplicates(stop));
  return sink_->publish();
}

void PointsOutput::abandon() {
  const std::lock_guard<std::mutex> lock(mutex_);
  broken_ = fail({.kind = ErrorKind::kNotFound, .what = "the file was given up"});
  // Not left to its destructor, which would print on stderr what goes wrong.
  discard(stream_->Close(), "the file is removed");
  sink_->discard();
}

}  // namespace vecferry::files
