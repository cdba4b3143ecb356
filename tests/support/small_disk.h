#pragma once

#include <string>

namespace vecferry::testing {

/// A disk of so many MiB at the folder that only this process sees; where that is not allowed,
/// files that cannot grow beyond a sixteenth of it. Returns whether it is a disk. For a process of
/// its own.
bool limit_disk(const std::string& dir, int mebibytes);

}  // namespace vecferry::testing
