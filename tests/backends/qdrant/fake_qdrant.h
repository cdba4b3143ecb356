#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/backends/qdrant/raw_server.h"
#include "vecferry/backend/backend.h"
#include "vecferry/backends/qdrant/qdrant_options.h"

namespace vecferry::testing {

/// As much of Qdrant's REST as a writer needs, one collection `shop`, and a place for a test to
/// answer first.
class FakeQdrant {
 public:
  /// Empty bytes: the fake answers itself.
  using Override = std::function<RawReply(const RawRequest&, const std::vector<uint64_t>& ids)>;

  FakeQdrant(CollectionConfig config, Override override_reply, std::string version = "1.18.3");

  std::string url() const { return server_->url(); }
  /// A backend that gives up soon.
  std::unique_ptr<Backend> connect(double points_per_second = 0) const;

  std::set<uint64_t> stored() const;
  /// "PUT /collections/shop/points?wait=true", in the order in which they came.
  std::vector<std::string> requests() const;
  size_t count_of(const std::string& request_begin) const;
  /// Bodies of requests that begin so.
  std::vector<std::string> bodies_of(const std::string& request_begin) const;

 private:
  RawReply answer(const RawRequest& request);

  CollectionConfig config_;
  Override override_;
  std::string version_;
  mutable std::mutex mutex_;
  std::set<uint64_t> stored_;                                  // guarded by mutex_
  std::vector<std::pair<std::string, std::string>> requests_;  // guarded by mutex_
  std::unique_ptr<RawServer> server_;
};

}  // namespace vecferry::testing
