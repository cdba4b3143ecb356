#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "vecferry/cli/places.h"
#include "vecferry/ops/place_opener.h"

namespace vecferry {

/// Opens places for operations, with the keys that vecferry.toml and the environment name. A place
/// is opened once.
class NamedPlaces : public PlaceOpener {
 public:
  /// `names` and `progress` outlive it.
  NamedPlaces(const PlaceNames& names, Progress& progress) : names_(names), progress_(progress) {}

  Result<OpenedEnd> open_source(const std::string& address, const ReadingOptions& options,
                                StopToken stop) override;
  Result<OpenedEnd> open_target(const std::string& address, bool build_index,
                                StopToken stop) override;

  Result<std::shared_ptr<Repository>> open_archive(const std::string& address, RepositoryMode mode,
                                                   StopToken stop) override;

  /// The same from words as they are typed; the label is what was typed.
  Result<OpenedEnd> typed_source(const std::string& text, const ReadingOptions& options,
                                 StopToken stop);
  Result<OpenedEnd> typed_target(const std::string& text, StopToken stop);

 private:
  Result<OpenedEnd> open(const std::string& address, PlaceOptions options);

  const PlaceNames& names_;
  Progress& progress_;
  std::map<std::string, std::shared_ptr<Backend>> places_{};  ///< by place, and how it was opened
  /// Collections of servers as they were when they were first opened so, by address: all steps of
  /// an operation see the same moment.
  std::map<std::string, std::shared_ptr<Backend>> spooled_{};
};

}  // namespace vecferry
