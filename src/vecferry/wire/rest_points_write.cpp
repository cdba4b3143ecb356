#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "arrow/util/float16.h"
#include "vecferry/model/json_number.h"
#include "vecferry/model/shard_key.h"
#include "vecferry/wire/id_text_internal.h"
#include "vecferry/wire/payload_value_internal.h"
#include "vecferry/wire/rest_points.h"

namespace vecferry::wire {
namespace {

float element(const VectorSpec& spec, const std::byte* at) {
  switch (spec.element) {
    case ElementType::kFloat32: {
      float value = 0;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
    case ElementType::kFloat16: {
      uint16_t bits = 0;
      std::memcpy(&bits, at, sizeof bits);
      return arrow::util::Float16::FromBits(bits).ToFloat();
    }
    case ElementType::kUint8:
      break;
  }
  return static_cast<float>(*at);
}

void append_list(const VectorSpec& spec, std::span<const std::byte> elements, std::string* out) {
  const size_t width = size_of(spec.element);
  out->push_back('[');
  for (size_t i = 0; i < elements.size(); i += width) {
    if (i > 0) {
      out->push_back(',');
    }
    append_float32(element(spec, &elements[i]), out);
  }
  out->push_back(']');
}

void append_sparse(const VectorColumn& column, int64_t row, std::string* out) {
  out->append("{\"indices\":[");
  bool first = true;
  for (const uint32_t index : column.indices(row)) {
    if (!first) {
      out->push_back(',');
    }
    first = false;
    const fmt::format_int text(index);
    out->append(text.data(), text.size());
  }
  out->append("],\"values\":[");
  first = true;
  for (const float value : column.values(row)) {
    if (!first) {
      out->push_back(',');
    }
    first = false;
    append_float32(value, out);
  }
  out->append("]}");
}

void append_vector(const VectorColumn& column, int64_t row, std::string* out) {
  const auto& spec = column.spec();
  if (spec.kind == VectorKind::kSparse) {
    append_sparse(column, row, out);
    return;
  }
  const auto elements = column.elements(row);
  if (spec.kind == VectorKind::kDense) {
    append_list(spec, elements, out);
    return;
  }
  const size_t width = spec.dim * size_of(spec.element);
  out->push_back('[');
  for (size_t i = 0; i < elements.size(); i += width) {
    if (i > 0) {
      out->push_back(',');
    }
    append_list(spec, elements.subspan(i, width), out);
  }
  out->push_back(']');
}

// A bare list when the point has the unnamed vector alone, else an object by name.
void append_vectors(const PointsView& points, int64_t row, std::string* out) {
  const VectorColumn* unnamed = nullptr;
  size_t present = 0;
  for (const auto& column : points.vectors()) {
    if (column.present(row)) {
      ++present;
      unnamed = column.spec().name.empty() ? &column : unnamed;
    }
  }
  if (present == 1 && unnamed != nullptr) {
    append_vector(*unnamed, row, out);
    return;
  }
  out->push_back('{');
  bool first = true;
  for (const auto& column : points.vectors()) {
    if (!column.present(row)) {
      continue;
    }
    if (!first) {
      out->push_back(',');
    }
    first = false;
    append_json_string(column.spec().name, out);
    out->push_back(':');
    append_vector(column, row, out);
  }
  out->push_back('}');
}

void append_payload(const PointsView& points, int64_t row, std::string* out) {
  const auto payload = points.payload(row);
  out->append(payload.empty() ? std::string_view("{}") : payload);
}

void append_shard_key(std::string_view text, std::string* out) {
  const auto key = parse_shard_key(text);
  if (const auto* number = std::get_if<uint64_t>(&key)) {
    out->append(std::to_string(*number));
  } else {
    append_json_string(std::get<std::string>(key), out);
  }
}

// The name of a vector of this row with a value that JSON cannot say.
std::optional<std::string_view> not_finite(const PointsView& points, int64_t row) {
  for (const auto& column : points.vectors()) {
    const auto& spec = column.spec();
    if (!column.present(row) || spec.element == ElementType::kUint8) {
      continue;
    }
    if (spec.kind == VectorKind::kSparse) {
      for (const float value : column.values(row)) {
        if (!std::isfinite(value)) {
          return spec.name;
        }
      }
      continue;
    }
    const auto elements = column.elements(row);
    for (size_t i = 0; i < elements.size(); i += size_of(spec.element)) {
      if (!std::isfinite(element(spec, &elements[i]))) {
        return spec.name;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

void append_id(const PointId& id, std::string* out) {
  const std::string_view quote = id.is_uuid ? "\"" : "";
  out->append(quote);
  append_id_text(id, out);
  out->append(quote);
}

void append_record(const PointsView& points, int64_t row, Shown shown,
                   const std::optional<Score>& scored, std::string* out) {
  out->append("{\"id\":");
  append_id(points.id(row), out);
  if (scored) {
    out->append(fmt::format(",\"version\":{},\"score\":", scored->version));
    append_float32(scored->score, out);
  }
  if (shown.payload) {
    out->append(",\"payload\":");
    append_payload(points, row, out);
  }
  if (shown.vectors) {
    out->append(",\"vector\":");
    append_vectors(points, row, out);
  }
  if (const auto key = points.shard_key(row)) {
    out->append(",\"shard_key\":");
    append_shard_key(*key, out);
  }
  out->push_back('}');
}

Result<RestUpsert> write_upsert(const PointsView& points, int64_t first_row, int64_t max_bytes,
                                const RestUpsertOptions& options) {
  RestUpsert request;
  request.next_row = first_row;
  if (first_row >= points.rows()) {
    return request;
  }
  const auto shard_key = points.shard_key(first_row);
  std::string tail = "]";
  if (shard_key) {
    tail.append(",\"shard_key\":");
    append_shard_key(*shard_key, &tail);
  }
  if (!options.update_mode.empty()) {
    tail.append(",\"update_mode\":");
    append_json_string(options.update_mode, &tail);
  }
  tail.push_back('}');
  auto& body = request.body;
  body = "{\"points\":[";
  for (; request.next_row < points.rows(); ++request.next_row) {
    const int64_t row = request.next_row;
    if (points.shard_key(row) != shard_key) {
      break;
    }
    if (const auto vector = not_finite(points, row)) {
      return fail(
          {.kind = ErrorKind::kIncompatible,
           .what = "a NaN or infinity, which JSON cannot say",
           .where = fmt::format("point {}, vector '{}'", to_string(points.id(row)), *vector),
           .next = "write this collection over gRPC"});
    }
    const size_t before = body.size();
    if (request.points > 0) {
      body.push_back(',');
    }
    body.append("{\"id\":");
    append_id(points.id(row), &body);
    body.append(",\"vector\":");
    append_vectors(points, row, &body);
    body.append(",\"payload\":");
    append_payload(points, row, &body);
    body.push_back('}');
    if (request.points > 0 && static_cast<int64_t>(body.size() + tail.size()) > max_bytes) {
      body.resize(before);  // the next request takes this row
      break;
    }
    ++request.points;
  }
  body.append(tail);
  return request;
}

}  // namespace vecferry::wire
