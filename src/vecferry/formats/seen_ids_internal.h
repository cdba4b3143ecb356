#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/model/point_id.h"

namespace vecferry::formats {

/// Finds ids that come twice. While they come in ascending order it remembers only the last one;
/// once they do not, eight bytes of each, so that a hit has to be confirmed by reading the file
/// again. Under custom sharding an id is an id and its shard key.
class SeenIds {
 public:
  enum class Verdict {
    kNew,
    kSuspect,    ///< probably seen before
    kForgotten,  ///< the first out of order: `remember` all before it, then ask again
  };

  Verdict add(const PointId& id, std::string_view shard_key);
  void remember(const PointId& id, std::string_view shard_key);

 private:
  bool insert(uint64_t fingerprint);
  void grow();

  bool ascending_ = true;
  bool any_ = false;
  PointId last_{};
  std::string last_key_{};
  std::vector<uint64_t> table_{};  // open addressing; 0 is empty
  size_t used_ = 0;
};

}  // namespace vecferry::formats
