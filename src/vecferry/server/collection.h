#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/backends/local/local_place.h"
#include "vecferry/model/config.h"
#include "vecferry/server/answers.h"

/// One collection that a server serves, over one shard of a local place.
///
/// Errors of all calls carry the words of Qdrant 1.18 in `what`, and kinds that
/// `wire::http_status_of` and `wire::grpc_code_of` turn into its codes. Filters and bodies are JSON
/// as in REST. A write is durable when its call returns, waited for or not.
namespace vecferry::server {

/// Thread: safe for concurrent use.
class Collection {
 public:
  Collection(std::shared_ptr<local::LocalPlace> place, std::string name, CollectionConfig config,
             bool read_only);
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const std::string& name() const { return name_; }
  const std::shared_ptr<local::LocalPlace>& place() const { return place_; }
  /// Without aliases.
  std::shared_ptr<const CollectionConfig> config() const;
  /// Of all its points, for `PointsBuilder`.
  Result<std::shared_ptr<arrow::Schema>> schema() const;
  /// Errors: kRefused when it is read-only.
  Status check_writable() const;

  /// The `result` of GET /collections/{c}.
  Result<std::string> info();
  /// Body of PATCH /collections/{c}.
  Status patch(std::string_view body);

  /// Whole points; an existing one is replaced. Errors: kUsage, kRefused when it is read-only.
  Result<UpdateResult> upsert(const std::shared_ptr<arrow::RecordBatch>& points,
                              const UpsertArgs& args = {});
  /// One element of `operations` of POST …/points/batch, but for `upsert`: {"delete":{…}},
  /// {"set_payload":{…}}, `overwrite_payload`, `delete_payload`, `clear_payload`, `update_vectors`,
  /// `delete_vectors`.
  Result<UpdateResult> apply(std::string_view operation, bool wait = true);
  /// A point was refused that Qdrant refuses only when it applies it: uses up an operation number.
  void skip_operation();
  /// For a collection just made: the engine counts operations from 0, Qdrant from 1.
  void start_numbers();
  Result<UpdateResult> create_index(const PayloadIndex& index, bool wait = true);
  Result<UpdateResult> delete_index(std::string_view path, bool wait = true);

  Result<ScrollPage> scroll(const ScrollArgs& args);
  /// In the order asked; what is not there is left out, and what is asked twice comes once.
  Result<Rows> retrieve(const RetrieveArgs& args);
  Result<uint64_t> count(const CountArgs& args);
  /// Body of POST …/points/query.
  Result<Rows> query(std::string_view body);
  /// Body of POST …/points/query/groups.
  Result<std::vector<Group>> query_groups(std::string_view body);
  /// Body of POST …/facet; the `result`: {"hits":[{"value","count"}]}.
  Result<std::string> facet(std::string_view body);

  /// Is there enough new to build indexes for, or was `patch` called?
  bool optimise_due();
  /// Take over patched settings, merge and index. One thread at a time. Errors: kCancelled after
  /// `interrupt`.
  Status optimise();
  void interrupt();
  /// Make durable against a power cut what a crash of the process alone would not lose.
  Status flush();
  /// Write a shard snapshot; waits for an optimise that is at work.
  Status pack(const std::filesystem::path& file);

  /// Let go of the shard for good: later calls answer that there is no such collection. Returns
  /// once the calls at work have ended; an optimise is interrupted.
  void retire();
  /// Close the shard, do `change` to its folder, and take on what is stored there then. Waits for
  /// the calls at work.
  Status replace(const std::function<Status()>& change);

 private:
  class Use;

  Result<Use> use();
  Result<Use> use_to_write();
  Result<local::SharedShard> open_shard(bool to_write);
  UpdateResult numbered(bool wait);
  Status store(CollectionConfig config);
  Status check_vector_names(const Selection& selection) const;
  Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> allowed(
      const engine::Shard& shard, const std::shared_ptr<arrow::RecordBatch>& points,
      const UpsertArgs& args) const;

  const std::shared_ptr<local::LocalPlace> place_;
  const std::string name_;
  const bool read_only_;

  /// Held shared by calls, alone by what changes the shard's folder.
  std::shared_mutex use_;
  /// Held shared by plain writes, alone by those that look first and write then.
  std::shared_mutex write_;
  std::mutex heavy_;          // held by an optimise, a pack
  mutable std::mutex state_;  // guards what follows
  std::shared_ptr<const CollectionConfig> config_;
  mutable std::shared_ptr<arrow::Schema> schema_;  // of config_; made when asked for
  local::SharedShard shard_;
  bool open_to_write_ = false;
  bool retired_ = false;
  bool patched_ = false;
  std::optional<arrow::StopSource> optimise_stop_;

  std::atomic<uint64_t> next_operation_{0};
  std::atomic<bool> optimising_{false};
  std::atomic<bool> dirty_{false};
  std::atomic<int64_t> unindexed_bytes_{0};
};

}  // namespace vecferry::server
