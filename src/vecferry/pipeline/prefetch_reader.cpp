#include "vecferry/pipeline/prefetch_reader.h"

#include <chrono>
#include <utility>

namespace vecferry {
namespace {

constexpr auto kStopPollInterval = std::chrono::milliseconds(50);

}  // namespace

PrefetchReader::PrefetchReader(std::unique_ptr<SourceReader> inner,
                               std::shared_ptr<arrow::StopSource> stop_inner, StopToken stop)
    : inner_(std::move(inner)),
      stop_inner_(std::move(stop_inner)),
      stop_(std::move(stop)),
      cursor_(inner_->cursor()),
      schema_(inner_->schema()) {}

PrefetchReader::~PrefetchReader() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  if (thread_.joinable()) {
    stop_inner_->RequestStop();
    changed_.notify_all();
    thread_.join();
  }
}

std::shared_ptr<arrow::Schema> PrefetchReader::schema() const {
  return schema_;
}

std::map<std::string, uint64_t> PrefetchReader::counts() const {
  return inner_->counts();
}

void PrefetchReader::run() {
  for (;;) {
    Item item;
    item.status = inner_->ReadNext(&item.batch);
    item.cursor = inner_->cursor();
    const bool last = !item.status.ok() || item.batch == nullptr;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_ || closing_; });
    if (closing_) {
      return;
    }
    ready_ = std::move(item);
    changed_.notify_all();
    if (last) {
      return;
    }
  }
}

Status PrefetchReader::ReadNext(std::shared_ptr<arrow::RecordBatch>* out) {
  *out = nullptr;
  if (ended_) {
    return Status::OK();
  }
  if (!thread_.joinable()) {
    thread_ = std::jthread([this] { run(); });
  }
  Item item;
  {
    std::unique_lock lock(mutex_);
    // A stop token calls nobody back, so a long wait polls it.
    while (!changed_.wait_for(lock, kStopPollInterval, [&] { return ready_.has_value(); })) {
      ARROW_RETURN_NOT_OK(poll(stop_));
    }
    item = std::move(*ready_);
    ready_.reset();
  }
  changed_.notify_all();
  if (!item.status.ok() || item.batch == nullptr) {
    ended_ = true;
    thread_.join();
    return item.status;
  }
  cursor_ = item.cursor;
  schema_ = item.batch->schema();
  *out = std::move(item.batch);
  return Status::OK();
}

}  // namespace vecferry
