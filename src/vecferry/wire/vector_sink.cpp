#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "vecferry/wire/vector_sink_internal.h"

namespace vecferry::wire {
namespace {

Status wrong_input(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = "Wrong input: " + std::move(what)});
}

// As the engine casts: towards zero, held within 0..255, NaN is 0.
std::byte saturated(float value) {
  if (!(value > 0.0F)) {
    return std::byte{0};
  }
  return static_cast<std::byte>(static_cast<uint8_t>(std::min(value, 255.0F)));
}

std::string of_vector(std::string_view name) {
  return name.empty() ? "" : fmt::format(" for vector '{}'", name);
}

}  // namespace

Result<size_t> VectorSink::column(std::string_view name) const {
  const auto& specs = builder_.vectors();
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) {
      return i;
    }
  }
  if (direction_ == Direction::kRequest) {
    return wrong_input(fmt::format("Not existing vector name error: {}", name));
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("the server sent a vector '{}' that the collection's "
                                   "configuration does not have",
                                   name),
               .next = "the collection was changed while it was read; start again"});
}

Status VectorSink::check_shape(const VectorSpec& spec, size_t count,
                               std::optional<size_t> inner) const {
  if (spec.kind == VectorKind::kSparse || (spec.kind == VectorKind::kDense && inner)) {
    return wrong_input(spec.kind == VectorKind::kSparse
                           ? "Conversion between sparse and regular vectors failed"
                           : "Conversion between multi and regular vectors failed");
  }
  const size_t each = inner && *inner > 0 ? count / *inner : count;
  if (count == 0 || each != spec.dim || (inner && each * *inner != count)) {
    return wrong_input(fmt::format("Vector dimension error: expected dim: {}, got {}{}", spec.dim,
                                   each, of_vector(spec.name)));
  }
  return Status::OK();
}

Status VectorSink::dense(std::string_view name, std::string_view floats,
                         std::optional<size_t> inner) {
  ARROW_ASSIGN_OR_RAISE(const size_t index, column(name));
  const auto& spec = builder_.vectors()[index];
  const size_t count = floats.size() / sizeof(float);
  if (direction_ == Direction::kRequest) {
    ARROW_RETURN_NOT_OK(check_shape(spec, count, inner));
  } else if (spec.kind == VectorKind::kSparse || (spec.kind == VectorKind::kDense && inner) ||
             (inner && (*inner == 0 || count != *inner * spec.dim))) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the server sent {} values where the configuration says a {} "
                                     "vector of dim {}",
                                     count, to_string(spec.kind), spec.dim),
                 .where = fmt::format("vector '{}'", name)});
  }
  if (spec.element == ElementType::kFloat32) {
    return builder_.append_elements(index, std::as_bytes(std::span(floats.data(), floats.size())));
  }
  floats_.resize(count);
  std::memcpy(floats_.data(), floats.data(), count * sizeof(float));
  if (spec.element == ElementType::kUint8 && direction_ == Direction::kRequest) {
    bytes_.resize(count);
    std::transform(floats_.begin(), floats_.end(), bytes_.begin(), saturated);
    return builder_.append_elements(index, bytes_);
  }
  return builder_.append_vector(index, floats_);
}

Status VectorSink::sparse(std::string_view name, std::span<const uint32_t> indices,
                          std::span<const float> values) {
  ARROW_ASSIGN_OR_RAISE(const size_t index, column(name));
  if (builder_.vectors()[index].kind != VectorKind::kSparse) {
    return direction_ == Direction::kRequest
               ? wrong_input("Conversion between sparse and regular vectors failed")
               : fail({.kind = ErrorKind::kIncompatible,
                       .what = "the server sent a sparse vector for a dense one",
                       .where = fmt::format("vector '{}'", name)});
  }
  if (direction_ == Direction::kReply || indices.size() != values.size() ||
      std::is_sorted(indices.begin(), indices.end())) {
    return builder_.append_sparse(index, indices, values);
  }
  order_.resize(indices.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(),
            [&](uint32_t a, uint32_t b) { return indices[a] < indices[b]; });
  indices_.resize(indices.size());
  floats_.resize(indices.size());
  for (size_t i = 0; i < order_.size(); ++i) {
    indices_[i] = indices[order_[i]];
    floats_[i] = values[order_[i]];
  }
  return builder_.append_sparse(index, indices_, floats_);
}

}  // namespace vecferry::wire
