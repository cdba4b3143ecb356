#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// Names of backups: when they began, and eight random digits. Their order is that of time.
/// Source: docs/archive-format.md.
namespace vecferry {

using WallTime = std::chrono::system_clock::time_point;

/// "20261123T132000123Z-1f2e3d4c"
std::string new_backup_id(WallTime now);
bool is_backup_id(std::string_view text);

/// "2026-11-23T13:20:00.123Z", from an id.
std::string time_of_backup(std::string_view id);
WallTime moment_of_backup(std::string_view id);

/// The backup that a person means: nothing or "latest" for the newest; an id or the beginning of
/// one; a moment ("2026-11-23", "2026-11-23T13:20", RFC 3339) for the newest that is not younger; a
/// date means the whole day. `ids` in their order.
/// Errors: kNotFound with what there is; kUsage for words that are neither.
Result<std::string> pick_backup(const std::vector<std::string>& ids, std::string_view when,
                                const std::string& where);

}  // namespace vecferry
