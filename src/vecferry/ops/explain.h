#pragma once

#include <string>
#include <vector>

#include "vecferry/model/point_id.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// How one point differs between two sides: sentences such as "payload key 'size'".
struct PointDifference {
  PointId id{};
  std::vector<std::string> parts{};
};

/// Say what differs in these points, which both sides have.
/// Reads both sides once more; memory for the points named.
Result<std::vector<PointDifference>> explain_differences(const Source& a, const Source& b,
                                                         const std::vector<PointId>& ids,
                                                         StopToken stop);

}  // namespace vecferry
