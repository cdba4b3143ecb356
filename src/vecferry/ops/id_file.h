#pragma once

#include <filesystem>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/point_id.h"

/// Lists of ids in an operation's folder: text, an id a line, in id order.
namespace vecferry {

Status write_ids(const std::filesystem::path& path, const std::vector<PointId>& ids);

/// Errors: kNotFound, kCorrupt for a line that is no id or out of order.
Result<std::vector<PointId>> read_ids(const std::filesystem::path& path);

}  // namespace vecferry
