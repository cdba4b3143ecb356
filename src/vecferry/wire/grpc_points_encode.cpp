#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "arrow/util/float16.h"
#include "vecferry/model/shard_key.h"
#include "vecferry/wire/fields_internal.h"
#include "vecferry/wire/grpc_points.h"
#include "vecferry/wire/id_text_internal.h"
#include "vecferry/wire/payload_value_internal.h"
#include "vecferry/wire/points_layout_internal.h"

namespace vecferry::wire {
namespace {

size_t field_size(uint32_t field, size_t length) {
  return varint_size(uint64_t{field} << 3U) + varint_size(length) + length;
}

void append_id_message(const PointId& id, std::string* out) {
  FieldWriter writer(out);
  if (id.is_uuid) {
    constexpr size_t kUuidText = 36;
    writer.header(kIdUuid, kUuidText);
    append_id_text(id, out);
  } else {
    writer.number(kIdNumber, id.number);
  }
}

std::string shard_key_message(std::string_view text) {
  std::string out;
  FieldWriter writer(&out);
  const auto key = parse_shard_key(text);
  if (const auto* number = std::get_if<uint64_t>(&key)) {
    writer.number(kKeyNumber, *number);
  } else {
    writer.bytes(kKeyword, std::get<std::string>(key));
  }
  return out;
}

// Encodes one point after another; sizes are counted first, so that vectors are copied once.
class PointWriter {
 public:
  PointWriter(const PointsView& points, bool oneof) : points_(points), oneof_(oneof) {}

  /// False when gRPC cannot carry the payload; nothing was appended then.
  Result<bool> append(int64_t row, const PointLayout& layout, Shown shown, bool must_have_vectors,
                      BigIntegers big, std::string_view extra, uint32_t field, std::string* out) {
    id_.clear();
    append_id_message(points_.id(row), &id_);
    payload_.clear();
    if (shown.payload) {
      ARROW_ASSIGN_OR_RAISE(
          const bool carried,
          append_payload_field(points_.payload(row), layout.payload, big, &payload_));
      if (!carried) {
        return false;
      }
    }
    std::string key;
    if (const auto text = points_.shard_key(row); text && layout.shard_key != 0) {
      key = shard_key_message(*text);
    }
    const bool vectors = shown.vectors || must_have_vectors;
    const size_t vectors_length = vectors ? vectors_size(row) : 0;
    size_t length = field_size(layout.id, id_.size()) + payload_.size() + extra.size();
    length += vectors ? field_size(layout.vectors, vectors_length) : 0;
    length += key.empty() ? 0 : field_size(layout.shard_key, key.size());
    FieldWriter writer(out);
    writer.header(field, length);
    writer.bytes(layout.id, id_);
    out->append(payload_);
    out->append(extra);
    if (vectors) {
      writer.header(layout.vectors, vectors_length);
      append_vectors(row, &writer);
    }
    if (!key.empty()) {
      writer.bytes(layout.shard_key, key);
    }
    return true;
  }

 private:
  static size_t element_count(const VectorColumn& column, int64_t row) {
    return column.elements(row).size() / size_of(column.spec().element);
  }

  static size_t indices_size(std::span<const uint32_t> indices) {
    size_t size = 0;
    for (const uint32_t index : indices) {
      size += varint_size(index);
    }
    return size;
  }

  static size_t packed_size(uint32_t field, size_t length) {
    return length == 0 ? 0 : field_size(field, length);
  }

  // Length of a Vector message, and of the message inside its oneof.
  size_t vector_size(const VectorColumn& column, int64_t row) const {
    const auto& spec = column.spec();
    if (spec.kind == VectorKind::kSparse) {
      const size_t values = column.values(row).size() * sizeof(float);
      const size_t indices = indices_size(column.indices(row));
      if (oneof_) {
        return field_size(
            kSparse, packed_size(kSparseValues, values) + packed_size(kSparseIndices, indices));
      }
      return packed_size(kOldData, values) + field_size(kOldIndices, packed_size(1, indices));
    }
    const size_t bytes = element_count(column, row) * sizeof(float);
    if (spec.kind == VectorKind::kDense) {
      return oneof_ ? field_size(kDense, packed_size(kDenseData, bytes))
                    : packed_size(kOldData, bytes);
    }
    const auto count = static_cast<size_t>(column.vector_count(row));
    if (!oneof_) {
      return packed_size(kOldData, bytes) + varint_size(uint64_t{kOldCount} << 3U) +
             varint_size(count);
    }
    return field_size(kMultiDense, count * field_size(kMultiVectors, inner_size(spec)));
  }

  static size_t inner_size(const VectorSpec& spec) {
    return packed_size(kDenseData, spec.dim * sizeof(float));
  }

  static void append_floats(const VectorSpec& spec, std::span<const std::byte> elements,
                            std::string* out) {
    if (spec.element == ElementType::kFloat32) {
      out->append(reinterpret_cast<const char*>(elements.data()), elements.size());
      return;
    }
    const size_t width = size_of(spec.element);
    for (size_t i = 0; i < elements.size(); i += width) {
      float value = 0;
      if (spec.element == ElementType::kFloat16) {
        uint16_t bits = 0;
        std::memcpy(&bits, &elements[i], sizeof bits);
        value = arrow::util::Float16::FromBits(bits).ToFloat();
      } else {
        value = static_cast<float>(elements[i]);
      }
      out->append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  }

  static void append_packed(uint32_t field, const VectorSpec& spec,
                            std::span<const std::byte> elements, FieldWriter* writer) {
    const size_t length = elements.size() / size_of(spec.element) * sizeof(float);
    if (length > 0) {
      writer->header(field, length);
      append_floats(spec, elements, &writer->out());
    }
  }

  static void append_values(uint32_t field, std::span<const float> values, FieldWriter* writer) {
    if (!values.empty()) {
      writer->header(field, values.size_bytes());
      writer->append_raw(values.data(), values.size_bytes());
    }
  }

  static void append_indices(uint32_t field, std::span<const uint32_t> indices,
                             FieldWriter* writer) {
    if (!indices.empty()) {
      writer->header(field, indices_size(indices));
      for (const uint32_t index : indices) {
        writer->varint(index);
      }
    }
  }

  void append_vector(const VectorColumn& column, int64_t row, FieldWriter* writer) const {
    const auto& spec = column.spec();
    if (spec.kind == VectorKind::kSparse) {
      const auto values = column.values(row);
      const auto indices = column.indices(row);
      const size_t packed = packed_size(1, indices_size(indices));
      if (oneof_) {
        writer->header(kSparse, packed_size(kSparseValues, values.size_bytes()) + packed);
        append_values(kSparseValues, values, writer);
        append_indices(kSparseIndices, indices, writer);
      } else {
        append_values(kOldData, values, writer);
        writer->header(kOldIndices, packed);
        append_indices(1, indices, writer);
      }
      return;
    }
    const auto elements = column.elements(row);
    if (!oneof_) {
      append_packed(kOldData, spec, elements, writer);
      if (spec.kind == VectorKind::kMulti) {
        writer->number(kOldCount, static_cast<uint64_t>(column.vector_count(row)));
      }
      return;
    }
    if (spec.kind == VectorKind::kDense) {
      writer->header(kDense, packed_size(kDenseData, element_count(column, row) * sizeof(float)));
      append_packed(kDenseData, spec, elements, writer);
      return;
    }
    const auto count = static_cast<size_t>(column.vector_count(row));
    writer->header(kMultiDense, count * field_size(kMultiVectors, inner_size(spec)));
    const size_t width = spec.dim * size_of(spec.element);
    for (size_t i = 0; i < count; ++i) {
      writer->header(kMultiVectors, inner_size(spec));
      append_packed(kDenseData, spec, elements.subspan(i * width, width), writer);
    }
  }

  // The unnamed vector of a point that has no other.
  const VectorColumn* lone_unnamed(int64_t row) const {
    const VectorColumn* unnamed = nullptr;
    for (const auto& column : points_.vectors()) {
      if (!column.present(row)) {
        continue;
      }
      if (!column.spec().name.empty()) {
        return nullptr;
      }
      unnamed = &column;
    }
    return unnamed;
  }

  size_t entry_size(const VectorColumn& column, int64_t row) const {
    return field_size(1, column.spec().name.size()) + field_size(2, vector_size(column, row));
  }

  size_t named_size(int64_t row) const {
    size_t size = 0;
    for (const auto& column : points_.vectors()) {
      if (column.present(row)) {
        size += field_size(kMapOfVectors, entry_size(column, row));
      }
    }
    return size;
  }

  size_t vectors_size(int64_t row) const {
    if (const auto* column = lone_unnamed(row)) {
      return field_size(kUnnamedVector, vector_size(*column, row));
    }
    return field_size(kNamedVectors, named_size(row));
  }

  void append_vectors(int64_t row, FieldWriter* writer) const {
    if (const auto* column = lone_unnamed(row)) {
      writer->header(kUnnamedVector, vector_size(*column, row));
      append_vector(*column, row, writer);
      return;
    }
    writer->header(kNamedVectors, named_size(row));
    for (const auto& column : points_.vectors()) {
      if (!column.present(row)) {
        continue;
      }
      writer->header(kMapOfVectors, entry_size(column, row));
      writer->bytes(1, column.spec().name);
      writer->header(2, vector_size(column, row));
      append_vector(column, row, writer);
    }
  }

  const PointsView& points_;
  bool oneof_;
  std::string id_{};
  std::string payload_{};
};

std::string upsert_head(const UpsertOptions& options) {
  std::string out;
  FieldWriter writer(&out);
  writer.bytes(kUpsertCollection, options.collection);
  if (options.wait) {
    writer.number(kUpsertWait, 1);
  }
  return out;
}

// Room for so many more points of about this size: growing step by step would copy it all twice.
void reserve_alike(size_t point_bytes, int64_t points, int64_t max_bytes, std::string* out) {
  constexpr size_t kMost = size_t{64} << 20;
  const size_t wanted = point_bytes * static_cast<size_t>(points) * 17 / 16;
  out->reserve(
      std::min({out->size() + wanted, static_cast<size_t>(max_bytes) + point_bytes, kMost}));
}

void append_upsert_tail(const UpsertOptions& options, std::optional<std::string_view> shard_key,
                        std::string* out) {
  FieldWriter writer(out);
  if (options.ordering) {
    std::string ordering;
    if (*options.ordering != 0) {
      FieldWriter(&ordering).number(1, static_cast<uint64_t>(*options.ordering));
    }
    writer.bytes(kUpsertOrdering, ordering);
  }
  if (shard_key) {
    std::string selector;
    FieldWriter(&selector).bytes(kSelectorKeys, shard_key_message(*shard_key));
    writer.bytes(kUpsertShardKeys, selector);
  }
  if (options.update_mode) {
    writer.number(kUpsertMode, static_cast<uint64_t>(*options.update_mode));
  }
}

Status malformed_order(std::string_view json) {
  return fail({.kind = ErrorKind::kInternal, .what = fmt::format("'{}' orders nothing", json)});
}

// An OrderValue as the field of a point, from a JSON number: a float when it is written as one.
Status append_order_value(std::string_view json, uint32_t field, FieldWriter* writer) {
  std::string value;
  FieldWriter inner(&value);
  const char* end = json.data() + json.size();
  if (json.find_first_of(".eE") == std::string_view::npos) {
    int64_t number = 0;
    if (std::from_chars(json.data(), end, number).ptr != end) {
      return malformed_order(json);
    }
    inner.number(kOrderInt, static_cast<uint64_t>(number));
  } else {
    double number = 0;
    if (std::from_chars(json.data(), end, number).ptr != end) {
      return malformed_order(json);
    }
    inner.fixed64(kOrderFloat, number);
  }
  writer->bytes(field, value);
  return Status::OK();
}

// Points of a reply; `describe` appends what stands in the n-th beside the point.
template <typename Describe>
Status append_points(const PointsView& points, const ReplyRows& reply, const PointLayout& layout,
                     uint32_t field, const Describe& describe, std::string* out) {
  PointWriter writer(points, true);
  std::string extra;
  for (size_t i = 0; i < reply.rows.size(); ++i) {
    extra.clear();
    FieldWriter beside(&extra);
    describe(i, &beside);
    if (!reply.order_values.empty()) {
      ARROW_RETURN_NOT_OK(append_order_value(reply.order_values[i], layout.order_value, &beside));
    }
    const int64_t row = reply.rows[i];
    const auto written =
        writer.append(row, layout, reply.shown, false, BigIntegers::kAsDouble, extra, field, out);
    if (!written.ok()) {
      return widen(written.status(), "point " + to_string(points.id(row)));
    }
  }
  return Status::OK();
}

Status append_all(const PointsView& points, Shown shown, uint32_t field, std::string* out) {
  std::vector<int64_t> rows(static_cast<size_t>(points.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return append_retrieved_points(points, {.rows = rows, .shown = shown}, field, out);
}

}  // namespace

Result<EncodedUpsert> encode_upsert(const PointsView& points, int64_t first_row, int64_t max_bytes,
                                    const UpsertOptions& options) {
  EncodedUpsert encoded;
  encoded.message = upsert_head(options);
  encoded.next_row = first_row;
  PointWriter writer(points, options.oneof_vectors);
  const auto shard_key =
      first_row < points.rows() ? points.shard_key(first_row) : std::optional<std::string_view>();
  for (; encoded.next_row < points.rows(); ++encoded.next_row) {
    const int64_t row = encoded.next_row;
    if (points.shard_key(row) != shard_key) {
      break;
    }
    const size_t before = encoded.message.size();
    const auto carried = writer.append(row, kPointStruct, {}, true, BigIntegers::kRefuse, {},
                                       kUpsertPoints, &encoded.message);
    if (!carried.ok()) {
      return widen(carried.status(), "point " + to_string(points.id(row)));
    }
    if (!*carried) {
      encoded.for_rest.push_back(row);
    } else if (encoded.points > 0 && static_cast<int64_t>(encoded.message.size()) > max_bytes) {
      encoded.message.resize(before);  // the next request takes this row
      break;
    } else if (++encoded.points == 1) {
      reserve_alike(encoded.message.size() - before, points.rows() - encoded.next_row, max_bytes,
                    &encoded.message);
    }
  }
  if (encoded.points == 0) {
    encoded.message.clear();
  } else {
    append_upsert_tail(options, shard_key, &encoded.message);
  }
  return encoded;
}

Status append_retrieved_points(const PointsView& points, const ReplyRows& reply, uint32_t field,
                               std::string* out) {
  return append_points(
      points, reply, kRetrievedPoint, field, [](size_t, FieldWriter*) {}, out);
}

Status append_scored_points(const PointsView& points, const ReplyRows& reply,
                            std::span<const Score> scores, uint32_t field, std::string* out) {
  const auto describe = [&scores](size_t i, FieldWriter* beside) {
    beside->fixed32(kScore, scores[i].score);
    if (scores[i].version != 0) {
      beside->number(kVersion, scores[i].version);
    }
  };
  return append_points(points, reply, kScoredPoint, field, describe, out);
}

Status append_group(std::string_view id, const PointsView& points, const ReplyRows& reply,
                    std::span<const Score> scores, std::string* groups) {
  std::string group_id;
  FieldWriter writer(&group_id);
  const nlohmann::json json = nlohmann::json::parse(id, nullptr, false);
  if (json.is_string()) {
    writer.bytes(kGroupString, json.get<std::string>());
  } else if (json.is_number_unsigned()) {
    writer.number(kGroupUnsigned, json.get<uint64_t>());
  } else if (json.is_number_integer()) {
    writer.number(kGroupInteger, static_cast<uint64_t>(json.get<int64_t>()));
  } else {
    return fail({.kind = ErrorKind::kInternal, .what = fmt::format("'{}' names no group", id)});
  }
  std::string group;
  append_part(kGroupId, group_id, &group);
  ARROW_RETURN_NOT_OK(append_scored_points(points, reply, scores, kGroupHits, &group));
  append_part(kGroups, group, groups);
  return Status::OK();
}

void append_next_page(const PointId& next_page, std::string* out) {
  std::string id;
  append_id_message(next_page, &id);
  FieldWriter(out).bytes(kScrollNext, id);
}

void append_part(uint32_t field, std::string_view message, std::string* out) {
  FieldWriter(out).bytes(field, message);
}

void append_time(uint32_t field, double seconds, std::string* out) {
  FieldWriter(out).fixed64(field, seconds);
}

Result<std::string> encode_scroll_response(const PointsView& points, Shown shown,
                                           const std::optional<PointId>& next_page,
                                           double seconds) {
  std::string out;
  if (next_page) {
    append_next_page(*next_page, &out);
  }
  ARROW_RETURN_NOT_OK(append_all(points, shown, kScrollPoints, &out));
  FieldWriter(&out).fixed64(kScrollTime, seconds);
  return out;
}

Result<std::string> encode_get_response(const PointsView& points, Shown shown, double seconds) {
  std::string out;
  ARROW_RETURN_NOT_OK(append_all(points, shown, kGetPoints, &out));
  FieldWriter(&out).fixed64(kGetTime, seconds);
  return out;
}

}  // namespace vecferry::wire
