#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "vecferry/backends/qdrant/settings_internal.h"

namespace vecferry::remote {

/// What readers and writers must know of a collection before the first point, asked once for those
/// that are opened one after another, and for two seconds: another client may change it.
/// Thread: safe for concurrent use.
class KnownCollections {
 public:
  /// As `facts_for_points`, with the aliases.
  Result<CollectionFacts> ask(const Connection& connection, std::string_view name,
                              const StopToken& stop);
  /// After anything that may have changed a collection or an alias, and after an error.
  void forget();

 private:
  struct Known {
    CollectionFacts facts{};
    Clock::time_point asked{};
  };
  std::mutex mutex_;  // held while a server is asked: others would only ask it too
  std::map<std::string, Known, std::less<>> known_;  // guarded by mutex_
};

/// Forgets when what changes a collection or an alias has ended, well or not.
class ForgetAfter {
 public:
  explicit ForgetAfter(KnownCollections& known) : known_(known) {}
  ~ForgetAfter() { known_.forget(); }
  ForgetAfter(const ForgetAfter&) = delete;
  ForgetAfter& operator=(const ForgetAfter&) = delete;

 private:
  KnownCollections& known_;
};

}  // namespace vecferry::remote
