#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vecferry/backend/backend.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::memory {

/// Points are rows of the batches that they came in; a batch lives as long as one of its rows does.
struct StoredBatch {
  std::shared_ptr<arrow::RecordBatch> batch{};
  PointsView points{};
};

struct Row {
  std::shared_ptr<const StoredBatch> stored{};
  int64_t row = 0;
};

/// In scroll order; points that differ only in their shard key lie together.
using Key = std::pair<PointId, std::optional<std::string>>;

struct Collection {
  std::string name{};
  CollectionConfig config{};
  bool finished = false;
  bool dropped = false;  // for writers that are still open
  std::map<Key, Row> rows{};
};

/// What readers, writers and the backend share. The mutex guards collections too.
struct State {
  Capabilities capabilities{};
  std::mutex mutex{};
  std::map<std::string, std::shared_ptr<Collection>, std::less<>> collections{};
  std::map<std::string, std::string, std::less<>> aliases{};  // to collections
};

Result<std::unique_ptr<PointReader>> make_reader(const State& state, const Collection& collection,
                                                 const ScanOptions& options, StopToken stop);

std::unique_ptr<PointWriter> make_writer(State& state, std::shared_ptr<Collection> collection,
                                         StopToken stop);

}  // namespace vecferry::memory
