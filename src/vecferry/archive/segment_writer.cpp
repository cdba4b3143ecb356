#include "vecferry/archive/segment_writer.h"

#include <utility>

#include "arrow/array/util.h"
#include "arrow/io/memory.h"
#include "arrow/util/bitmap_ops.h"
#include "vecferry/archive/segment_rows_internal.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/formats/parquet_writer.h"

namespace vecferry {
namespace {

Result<std::shared_ptr<arrow::BooleanArray>> all_of(bool value, int64_t rows) {
  ARROW_ASSIGN_OR_RAISE(const std::shared_ptr<arrow::Buffer> bits, arrow::AllocateBitmap(rows));
  arrow::bit_util::SetBitsTo(bits->mutable_data(), 0, rows, value);
  return std::make_shared<arrow::BooleanArray>(rows, bits);
}

}  // namespace

class SegmentWriter::Impl {
 public:
  Impl(Repository& repository, CollectionConfig config, std::string collection, int layer,
       int64_t segment_bytes)
      : repository_(repository),
        config_(std::move(config)),
        collection_(std::move(collection)),
        layer_(layer),
        segment_bytes_(segment_bytes) {}

  Status prepare() {
    ARROW_ASSIGN_OR_RAISE(points_schema_, points_schema(config_));
    auto fields = points_schema_->fields();
    for (const auto& field : archived::extra_fields()) {
      fields.push_back(field);
    }
    schema_ = arrow::schema(std::move(fields), points_schema_->metadata());
    return begin();
  }

  Status add(const arrow::RecordBatch& points, std::span<const Digest128> digests) {
    for (const auto& digest : digests) {
      sum_.add(digest);
    }
    ARROW_ASSIGN_OR_RAISE(const auto array, archived::digest_array(digests));
    ARROW_ASSIGN_OR_RAISE(const auto deleted, all_of(false, points.num_rows()));
    ref_.points += static_cast<uint64_t>(points.num_rows());
    return write(points, array, deleted);
  }

  Status add_deleted(const arrow::RecordBatch& points) {
    ARROW_ASSIGN_OR_RAISE(
        const auto none,
        arrow::MakeArrayOfNull(archived::extra_fields().front()->type(), points.num_rows()));
    ARROW_ASSIGN_OR_RAISE(const auto deleted, all_of(true, points.num_rows()));
    ref_.deleted += static_cast<uint64_t>(points.num_rows());
    return write(points, std::static_pointer_cast<arrow::FixedSizeBinaryArray>(none), deleted);
  }

  Status flush() {
    if (ref_.points + ref_.deleted == 0) {
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(writer_->finish());
    writer_.reset();
    ARROW_ASSIGN_OR_RAISE(const auto bytes, stream_->Finish());
    stream_.reset();
    ref_.layer = layer_;
    ref_.digest = sum_.sum;
    ARROW_RETURN_NOT_OK(repository_.put_segment(bytes, &ref_));
    VECFERRY_KILL_POINT("archive.segment");
    written_.push_back(ref_);
    return begin();
  }

  const std::vector<SegmentRef>& written() const { return written_; }

 private:
  Status begin() {
    ref_ = {};
    sum_ = {};
    held_bytes_ = 0;
    ARROW_ASSIGN_OR_RAISE(stream_, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(writer_, ParquetWriter::open(stream_, config_,
                                                       {.collection_name = collection_,
                                                        .row_group_bytes = 2 * segment_bytes_,
                                                        .extra = archived::extra_fields(),
                                                        .key = repository_.segment_key()}));
    return Status::OK();
  }

  Status write(const arrow::RecordBatch& points,
               const std::shared_ptr<arrow::FixedSizeBinaryArray>& digests,
               const std::shared_ptr<arrow::BooleanArray>& deleted) {
    if (points.num_rows() == 0) {
      return Status::OK();
    }
    arrow::ArrayVector columns;
    for (const auto& field : points_schema_->fields()) {
      auto column = points.GetColumnByName(field->name());
      if (column == nullptr) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), points.num_rows()));
      }
      columns.push_back(std::move(column));
    }
    const auto whole =
        arrow::RecordBatch::Make(points_schema_, points.num_rows(), std::move(columns));
    ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*whole));
    if (held_bytes_ == 0) {
      ref_.first = view.id(0);
    }
    ref_.last = view.id(view.rows() - 1);
    held_bytes_ += batch_bytes(*whole);
    ARROW_RETURN_NOT_OK(writer_->write(
        *archived::join_rows({.points = whole, .digests = digests, .deleted = deleted}, schema_)));
    return held_bytes_ < segment_bytes_ ? Status::OK() : flush();
  }

  Repository& repository_;
  CollectionConfig config_;
  std::string collection_;
  int layer_;
  int64_t segment_bytes_;
  std::shared_ptr<arrow::Schema> points_schema_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::BufferOutputStream> stream_;
  std::unique_ptr<ParquetWriter> writer_;
  SegmentRef ref_;
  RangeDigest sum_;
  int64_t held_bytes_ = 0;
  std::vector<SegmentRef> written_;
};

SegmentWriter::SegmentWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SegmentWriter::~SegmentWriter() = default;

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::make(Repository& repository,
                                                           const CollectionConfig& config,
                                                           std::string collection, int layer,
                                                           int64_t segment_bytes) {
  auto impl =
      std::make_unique<Impl>(repository, config, std::move(collection), layer, segment_bytes);
  ARROW_RETURN_NOT_OK(impl->prepare());
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(impl)));
}

Status SegmentWriter::add(const arrow::RecordBatch& points, std::span<const Digest128> digests) {
  return impl_->add(points, digests);
}
Status SegmentWriter::add_deleted(const arrow::RecordBatch& points) {
  return impl_->add_deleted(points);
}
Status SegmentWriter::flush() {
  return impl_->flush();
}
const std::vector<SegmentRef>& SegmentWriter::written() const {
  return impl_->written();
}

}  // namespace vecferry
