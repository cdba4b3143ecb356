#pragma once

#include "vecferry/backend/shelf.h"
#include "vecferry/backends/local/local_place.h"

namespace vecferry::local {

/// A local place's; the folder is a local place, too, and can be read as one.
class LocalShelf : public Shelf {
 public:
  /// `place` outlives it.
  explicit LocalShelf(LocalPlace& place) : place_(place) {}

  bool reaches(const fs::path& folder) const override;
  Status put(std::string_view name, const fs::path& folder) override;
  bool holds(std::string_view name, const fs::path& folder) const override;
  Status take_back(std::string_view name, const fs::path& folder) override;

 private:
  LocalPlace& place_;
};

}  // namespace vecferry::local
