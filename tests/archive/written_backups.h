#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "tests/support/points.h"
#include "vecferry/archive/backup_reader.h"
#include "vecferry/archive/segment_writer.h"

/// Backups that tests write layer by layer, and what must come back.
namespace vecferry::testing {

/// What a layer says of a point: how it is, or that it is gone.
using LayerModel = std::map<PointKey, std::optional<TestPoint>>;

inline std::shared_ptr<const ArchiveKey> key_of(char hex_digit) {
  return std::make_shared<const ArchiveKey>(
      ArchiveKey::parse(std::string(64, hex_digit), "test").ValueOrDie());
}

inline Result<std::shared_ptr<Repository>> open_archive(
    const std::string& folder, const std::shared_ptr<const ArchiveKey>& key = nullptr) {
  return Repository::open(folder, RepositoryMode::kCreate, key, StopToken::Unstoppable());
}

/// Write a layer, a few rows a batch, and add its segments to the manifest. `*now` is the
/// collection as it was; it becomes what the layer makes of it.
inline Status write_layer(Repository& repository, const LayerModel& layer, int64_t segment_bytes,
                          Manifest* manifest, PointMap* now) {
  constexpr size_t kBatchRows = 5;
  const int number = manifest->layers();
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        SegmentWriter::make(repository, manifest->config, manifest->collection,
                                            number, segment_bytes));
  std::vector<TestPoint> rows;
  bool gone = false;
  const auto write = [&]() -> Status {
    if (rows.empty()) {
      return Status::OK();
    }
    const auto batch = to_batch(manifest->config, std::exchange(rows, {}));
    if (gone) {
      return writer->add_deleted(*batch);
    }
    RangeDigest sum;
    std::vector<Digest128> digests;
    ARROW_RETURN_NOT_OK(digest_batch(*batch, &sum, &digests));
    return writer->add(*batch, digests);
  };
  for (const auto& [key, point] : layer) {
    if (gone == point.has_value() || rows.size() == kBatchRows) {
      ARROW_RETURN_NOT_OK(write());
    }
    gone = !point;
    rows.push_back(point ? *point : TestPoint{.id = key.first, .shard_key = key.second});
    now->erase(key);
    if (point) {
      now->emplace(key, *point);
    }
  }
  ARROW_RETURN_NOT_OK(write());
  ARROW_RETURN_NOT_OK(writer->flush());
  for (const auto& segment : writer->written()) {
    manifest->segments.push_back(segment);
  }
  return Status::OK();
}

/// Points in the order in which they came.
/// Errors: those of the reader; kInternal where the order is not that of keys.
inline Result<PointMap> read_points(const Repository& repository, const Manifest& manifest,
                                    const BackupReadOptions& options = {}) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        read_backup(repository, manifest, options, StopToken::Unstoppable()));
  PointMap points;
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return points;
    }
    ARROW_RETURN_NOT_OK(batch->ValidateFull());
    for (auto& point : to_points(*batch)) {
      const PointKey key{point.id, point.shard_key};
      if (!points.empty() && !(std::prev(points.end())->first < key)) {
        return fail({.what = "out of order: " + to_string(point.id)});
      }
      points.emplace_hint(points.end(), key, std::move(point));
    }
  }
}

inline Result<std::map<PointKey, Digest128>> read_digests(const Repository& repository,
                                                          const Manifest& manifest,
                                                          const IdRange& range = {}) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        read_known_points(repository, manifest, range, StopToken::Unstoppable()));
  std::map<PointKey, Digest128> all;
  KnownPoints known;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const bool more, reader->next(&known));
    if (!more) {
      return all;
    }
    const auto points = to_points(*known.points);
    if (points.size() != known.digests.size()) {
      return fail({.what = "points and digests differ in number"});
    }
    for (size_t i = 0; i < points.size(); ++i) {
      if (!all.emplace(PointKey{points[i].id, points[i].shard_key}, known.digests[i]).second) {
        return fail({.what = "twice: " + to_string(points[i].id)});
      }
    }
  }
}

/// Digests as the points themselves have them.
inline std::map<PointKey, Digest128> digests_of(const CollectionConfig& config,
                                                const PointMap& points) {
  std::map<PointKey, Digest128> all;
  for (const auto& [key, point] : points) {
    RangeDigest one;
    must(digest_batch(*to_batch(config, {point}), &one, nullptr));
    all.emplace(key, one.sum);
  }
  return all;
}

/// What of `points` a range of ids holds.
template <typename Map>
Map within(const Map& points, const IdRange& range) {
  Map some;
  for (const auto& [key, value] : points) {
    if (range.contains(key.first)) {
      some.emplace(key, value);
    }
  }
  return some;
}

inline void sum_up(const PointMap& points, Manifest* manifest) {
  manifest->points = {};
  for (const auto& [key, digest] : digests_of(manifest->config, points)) {
    manifest->points.add(digest);
  }
}

inline Manifest new_manifest(const std::string& collection, const CollectionConfig& config,
                             const std::string& id = "20261123T132000123Z-1f2e3d4c") {
  Manifest manifest{.collection = collection, .id = id, .time = "2026-11-23T13:20:00.123Z"};
  manifest.config = config;
  return manifest;
}

}  // namespace vecferry::testing
