#pragma once

#include <filesystem>
#include <string_view>

#include "vecferry/base/error.h"

namespace vecferry {

/// Takes whole collections out of a place, as the files that they are, into a folder that is a
/// place like it, and brings them back. Nothing is copied: both are on one file system. Thread:
/// safe for concurrent use.
class Shelf {
 public:
  virtual ~Shelf() = default;
  /// Is `folder`, made or not, where collections can be put?
  virtual bool reaches(const std::filesystem::path& folder) const = 0;
  /// The collection leaves the place in one step, durably; aliases that led to it are gone.
  /// Errors: kNotFound; kExists when one of that name lies there; kConflict while it is in use.
  virtual Status put(std::string_view name, const std::filesystem::path& folder) = 0;
  virtual bool holds(std::string_view name, const std::filesystem::path& folder) const = 0;
  /// It is in the place again, as it was. Errors: kExists when the name is taken; kNotFound when it
  /// does not lie there.
  virtual Status take_back(std::string_view name, const std::filesystem::path& folder) = 0;
};

}  // namespace vecferry
