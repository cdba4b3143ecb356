#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "vecferry/wire/json_text_internal.h"
#include "vecferry/wire/rest_json_internal.h"
#include "vecferry/wire/vector_sink_internal.h"

namespace vecferry::wire {

/// Reads the vectors of one point after another from REST bodies into a builder.
/// Thread: one caller at a time.
class RestVectors {
 public:
  RestVectors(PointsBuilder* builder, Direction direction)
      : sink_(builder, direction), direction_(direction), json_(direction) {}

  /// All vectors of a point: a bare list is the unnamed vector, an object is by name. `index` is
  /// the point's in the body, for errors.
  Status read(std::string_view text, size_t index);

  /// One vector.
  Status read_one(std::string_view name, std::string_view text, size_t index);

 private:
  Status dense(std::string_view name, std::string_view text, size_t index);
  Status sparse(std::string_view name, std::string_view text, size_t index);

  VectorSink sink_;
  Direction direction_;
  RestJson json_;
  // One parser for each level that is open at a time.
  simdjson::ondemand::parser parser_{};
  simdjson::ondemand::parser sparse_parser_{};
  std::string scratch_{};
  std::string sparse_{};
  Numbers numbers_{};
  std::vector<uint32_t> indices_{};
};

}  // namespace vecferry::wire
