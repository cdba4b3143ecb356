#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "vecferry/model/points_builder.h"
#include "vecferry/wire/direction.h"

namespace vecferry::wire {

/// Puts decoded vectors into the columns of a builder, by the rules of one direction. Keeps its
/// buffers; one a decoder.
class VectorSink {
 public:
  VectorSink(PointsBuilder* builder, Direction direction)
      : builder_(*builder), direction_(direction) {}

  /// `floats` is packed little-endian float32, of any alignment. `inner` is how many vectors these
  /// are; none for a flat list, which a multivector column takes as one.
  Status dense(std::string_view name, std::string_view floats, std::optional<size_t> inner);
  Status sparse(std::string_view name, std::span<const uint32_t> indices,
                std::span<const float> values);

 private:
  Result<size_t> column(std::string_view name) const;
  Status check_shape(const VectorSpec& spec, size_t count, std::optional<size_t> inner) const;

  PointsBuilder& builder_;
  Direction direction_;
  std::vector<float> floats_{};
  std::vector<std::byte> bytes_{};
  std::vector<uint32_t> order_{};
  std::vector<uint32_t> indices_{};
};

}  // namespace vecferry::wire
