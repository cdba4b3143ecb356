#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

namespace vecferry::ship {

/// Refuse what the folder's file system has no room for. The engine writes through memory maps,
/// where a full disk is not an error but a signal, so this is asked before each write.
/// Errors: kIo.
Status check_room(const std::filesystem::path& folder, uint64_t bytes);

/// Bytes that the files of a folder take on disk; holes do not count. Errors: kIo.
Result<uint64_t> bytes_on_disk(const std::filesystem::path& folder);

/// The same error with the folder in `where`, and for kIo what can be done about it; OK stays OK.
Status at_spool(const std::filesystem::path& folder, const Status& status);

/// Gone with all that is in it, out of sight at once. What cannot be removed is logged.
void remove_spool(const std::filesystem::path& folder);

/// Where in a spool a collection has its own.
std::filesystem::path spool_of(const std::filesystem::path& parent, std::string_view collection);

/// SHA-256 of a file, in hex. Errors: kIo.
Result<std::string> sha256_of(const std::filesystem::path& file, const StopToken& stop);

}  // namespace vecferry::ship
