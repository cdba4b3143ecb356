#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "vecferry/pipeline/source.h"

namespace vecferry {

/// Reads one batch ahead on a thread of its own, so that decoding and writing overlap.
/// The thread starts with the first read and is joined by the destructor, which first asks the
/// reader below to stop through `stop_inner` (it holds that reader's stop source).
/// Thread: one caller at a time.
class PrefetchReader : public SourceReader {
 public:
  /// `stop_inner` is the source of the token that `inner` was opened with; `stop` ends a wait.
  PrefetchReader(std::unique_ptr<SourceReader> inner, std::shared_ptr<arrow::StopSource> stop_inner,
                 StopToken stop);
  ~PrefetchReader() override;

  std::shared_ptr<arrow::Schema> schema() const override;
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override;
  IdRange cursor() const override { return cursor_; }
  /// Call after the end only: the thread below counts until then.
  std::map<std::string, uint64_t> counts() const override;

 private:
  struct Item {
    Status status{};
    std::shared_ptr<arrow::RecordBatch> batch{};
    IdRange cursor{};
  };

  void run();

  std::unique_ptr<SourceReader> inner_;
  std::shared_ptr<arrow::StopSource> stop_inner_;
  StopToken stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Item> ready_;  // guarded by mutex_
  bool closing_ = false;       // guarded by mutex_
  bool ended_ = false;         // caller's thread only
  IdRange cursor_;
  std::shared_ptr<arrow::Schema> schema_;
  std::jthread thread_;
};

}  // namespace vecferry
