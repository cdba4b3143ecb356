#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/backend/backend.h"

namespace vecferry::testing {

enum class Call {
  kList,
  kDescribe,
  kCount,
  kCreate,
  kDrop,
  kFinish,
  kChangeSettings,
  kChangeAliases,
  kPlanScan,
  kOpenReader,
  kReadNext,
  kOpenWriter,
  kUpsert,
  kRemove,
  kCheckpoint,
};

/// What is to go wrong, and what was called. The n-th call of a kind counts from 1, over all
/// readers and writers. Thread: safe.
class Faults {
 public:
  /// The call does nothing but return this error.
  void fail_on(Call call, int nth, Status error);
  /// The call does its work, and then says that it failed: a reply that got lost.
  void fail_after(Call call, int nth, Status error);
  /// The call waits before its work until `release`, or until its token says stop.
  void stall_on(Call call, int nth);
  /// The call asks this source to stop, and then does its work.
  void stop_on(Call call, int nth, arrow::StopSource* source);

  /// Returns when a call stalls.
  void wait_until_stalled();
  void release();
  int calls(Call call) const;

 private:
  friend class FaultyBackend;
  friend class FaultyReader;
  friend class FaultyWriter;
  struct Fault {
    std::optional<Status> before{};
    std::optional<Status> after{};
    bool stall = false;
    arrow::StopSource* stop = nullptr;
  };
  // Count the call and carry out what comes before its work; the Fault says what comes after.
  Result<Fault> enter(Call call, const StopToken& stop);
  template <typename Work>
  auto run(Call call, const StopToken& stop, Work work) -> decltype(work());

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<Call, int>, Fault> planned_;
  std::map<Call, int> calls_;
  int stalled_ = 0;
  bool released_ = false;
};

/// A backend in front of another one, with faults. Both outlive it.
class FaultyBackend : public Backend {
 public:
  FaultyBackend(Backend& inner, Faults& faults) : inner_(inner), faults_(faults) {}

  Capabilities capabilities() const override { return inner_.capabilities(); }
  Result<std::vector<CollectionSummary>> list(StopToken stop) override;
  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override;
  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override;
  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override;
  Result<bool> abandoned(std::string_view name, StopToken stop) override {
    return inner_.abandoned(name, stop);
  }
  Result<bool> take_over(std::string_view name, StopToken stop) override {
    return inner_.take_over(name, stop);
  }
  Status duplicate(std::string_view from, std::string_view to, StopToken stop) override {
    return inner_.duplicate(from, to, stop);
  }
  Result<std::vector<std::string>> losses(const CollectionConfig& config, StopToken stop) override {
    return inner_.losses(config, stop);
  }
  Status drop(std::string_view name, StopToken stop) override;
  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override;
  Status change_settings(std::string_view name, const CollectionConfig& config,
                         StopToken stop) override;
  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override;
  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override;
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override;
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override;

 private:
  Backend& inner_;
  Faults& faults_;
};

}  // namespace vecferry::testing
