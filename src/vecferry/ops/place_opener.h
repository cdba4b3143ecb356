#pragma once

#include <memory>
#include <string>

#include "vecferry/archive/repository.h"
#include "vecferry/ops/endpoint.h"

namespace vecferry {

/// One end of an operation, opened.
struct OpenedEnd {
  std::shared_ptr<Backend> backend{};
  std::string collection{};
  std::string label{};    ///< the location as people write it
  std::string address{};  ///< the same from any folder and however it was typed; no secrets in it

  Endpoint endpoint() const {
    return {.backend = backend.get(), .collection = collection, .label = label};
  }
};

/// What a file does not say about itself.
struct ReadingOptions {
  Distance distance = Distance::kCosine;
  std::string original_id_key{};
  bool allow_partial = false;    ///< of an archive: leave out what is damaged
  bool spooled = false;          ///< a server's collection through snapshots of its shards
  bool spooled_or_fail = false;  ///< and in no other way
  std::string spool{};           ///< folder for them; empty: the system's temporary one
  bool keep_shards = false;      ///< they stay as files: the backend's `snapshots`

  friend bool operator==(const ReadingOptions&, const ReadingOptions&) = default;
};

/// Opens places by address: the front end's, which knows about keys and configuration files. An
/// operation that is resumed or undone in another process finds its places through it.
/// Thread: one caller at a time.
class PlaceOpener {
 public:
  virtual ~PlaceOpener() = default;
  virtual Result<OpenedEnd> open_source(const std::string& address, const ReadingOptions& options,
                                        StopToken stop) = 0;
  /// `build_index`: a place that leaves its vector index for later builds it when it finishes.
  virtual Result<OpenedEnd> open_target(const std::string& address, bool build_index,
                                        StopToken stop) = 0;
  /// "archive:DIR", with the key that belongs to it.
  virtual Result<std::shared_ptr<Repository>> open_archive(const std::string& /*address*/,
                                                           RepositoryMode /*mode*/,
                                                           StopToken /*stop*/) {
    return fail({.kind = ErrorKind::kIncompatible, .what = "archives are not opened here"});
  }
};

}  // namespace vecferry
