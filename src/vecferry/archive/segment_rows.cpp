#include <fmt/format.h>

#include "arrow/array/builder_binary.h"
#include "arrow/array/concatenate.h"
#include "vecferry/archive/segment_rows_internal.h"

namespace vecferry::archived {
namespace {

constexpr int32_t kDigestBytes = 16;

uint64_t big_endian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) {
    value = value << 8U | bytes[i];
  }
  return value;
}

void put_big_endian(uint64_t value, uint8_t* bytes) {
  for (int i = 7; i >= 0; --i) {
    bytes[i] = static_cast<uint8_t>(value & 0xFFU);
    value >>= 8U;
  }
}

Status no_segment(const std::string& where, std::string_view column) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("a segment without a column '{}' of the right type", column),
               .where = where});
}

}  // namespace

std::vector<std::shared_ptr<arrow::Field>> extra_fields() {
  return {arrow::field(kDigestColumn, arrow::fixed_size_binary(kDigestBytes)),
          arrow::field(kDeletedColumn, arrow::boolean())};
}

SegmentRows SegmentRows::slice(int64_t offset, int64_t length) const {
  return {.points = points->Slice(offset, length),
          .digests =
              std::static_pointer_cast<arrow::FixedSizeBinaryArray>(digests->Slice(offset, length)),
          .deleted = std::static_pointer_cast<arrow::BooleanArray>(deleted->Slice(offset, length))};
}

Result<SegmentRows> split_rows(const arrow::RecordBatch& batch,
                               const std::shared_ptr<arrow::Schema>& schema,
                               const std::string& where) {
  const auto digests = batch.GetColumnByName(kDigestColumn);
  if (digests == nullptr || !digests->type()->Equals(*arrow::fixed_size_binary(kDigestBytes))) {
    return no_segment(where, kDigestColumn);
  }
  const auto deleted = batch.GetColumnByName(kDeletedColumn);
  if (deleted == nullptr || deleted->type_id() != arrow::Type::BOOL) {
    return no_segment(where, kDeletedColumn);
  }
  arrow::ArrayVector columns;
  for (const auto& field : schema->fields()) {
    auto column = batch.GetColumnByName(field->name());
    if (column == nullptr || !column->type()->Equals(*field->type())) {
      return no_segment(where, field->name());
    }
    columns.push_back(std::move(column));
  }
  return SegmentRows{
      .points = arrow::RecordBatch::Make(schema, batch.num_rows(), std::move(columns)),
      .digests = std::static_pointer_cast<arrow::FixedSizeBinaryArray>(digests),
      .deleted = std::static_pointer_cast<arrow::BooleanArray>(deleted)};
}

std::shared_ptr<arrow::RecordBatch> join_rows(const SegmentRows& rows,
                                              const std::shared_ptr<arrow::Schema>& schema) {
  arrow::ArrayVector columns = rows.points->columns();
  columns.push_back(rows.digests);
  columns.push_back(rows.deleted);
  return arrow::RecordBatch::Make(schema, rows.size(), std::move(columns));
}

Result<SegmentRows> concatenate(const std::vector<SegmentRows>& pieces) {
  if (pieces.size() == 1) {
    return pieces.front();
  }
  arrow::RecordBatchVector points;
  arrow::ArrayVector digests;
  arrow::ArrayVector deleted;
  for (const auto& piece : pieces) {
    points.push_back(piece.points);
    digests.push_back(piece.digests);
    deleted.push_back(piece.deleted);
  }
  SegmentRows rows;
  ARROW_ASSIGN_OR_RAISE(rows.points, arrow::ConcatenateRecordBatches(points));
  ARROW_ASSIGN_OR_RAISE(const auto all_digests, arrow::Concatenate(digests));
  ARROW_ASSIGN_OR_RAISE(const auto all_deleted, arrow::Concatenate(deleted));
  rows.digests = std::static_pointer_cast<arrow::FixedSizeBinaryArray>(all_digests);
  rows.deleted = std::static_pointer_cast<arrow::BooleanArray>(all_deleted);
  return rows;
}

Digest128 digest_at(const arrow::FixedSizeBinaryArray& digests, int64_t row) {
  const uint8_t* bytes = digests.GetValue(row);
  return {.high = big_endian(bytes), .low = big_endian(bytes + 8)};
}

Result<std::shared_ptr<arrow::FixedSizeBinaryArray>> digest_array(
    std::span<const Digest128> digests) {
  const auto count = static_cast<int64_t>(digests.size());
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                        arrow::AllocateBuffer(count * kDigestBytes));
  uint8_t* at = bytes->mutable_data();
  for (const auto& digest : digests) {
    put_big_endian(digest.high, at);
    put_big_endian(digest.low, at + 8);
    at += kDigestBytes;
  }
  return std::make_shared<arrow::FixedSizeBinaryArray>(arrow::fixed_size_binary(kDigestBytes),
                                                       count, std::move(bytes));
}

}  // namespace vecferry::archived
