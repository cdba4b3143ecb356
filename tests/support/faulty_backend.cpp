#include "tests/support/faulty_backend.h"

#include <chrono>

namespace vecferry::testing {

void Faults::fail_on(Call call, int nth, Status error) {
  const std::lock_guard lock(mutex_);
  planned_[{call, nth}].before = std::move(error);
}

void Faults::fail_after(Call call, int nth, Status error) {
  const std::lock_guard lock(mutex_);
  planned_[{call, nth}].after = std::move(error);
}

void Faults::stall_on(Call call, int nth) {
  const std::lock_guard lock(mutex_);
  planned_[{call, nth}].stall = true;
}

void Faults::stop_on(Call call, int nth, arrow::StopSource* source) {
  const std::lock_guard lock(mutex_);
  planned_[{call, nth}].stop = source;
}

void Faults::wait_until_stalled() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stalled_ > 0; });
}

void Faults::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

int Faults::calls(Call call) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(call);
  return found == calls_.end() ? 0 : found->second;
}

Result<Faults::Fault> Faults::enter(Call call, const StopToken& stop) {
  std::unique_lock lock(mutex_);
  const auto found = planned_.find({call, ++calls_[call]});
  if (found == planned_.end()) {
    return Fault{};
  }
  const Fault fault = found->second;
  if (fault.stop != nullptr) {
    fault.stop->RequestStop();
  }
  if (fault.stall) {
    ++stalled_;
    changed_.notify_all();
    // A token calls nobody, so it is asked now and then.
    while (!released_ && !stop.IsStopRequested()) {
      changed_.wait_for(lock, std::chrono::milliseconds(5));
    }
    --stalled_;
    ARROW_RETURN_NOT_OK(poll(stop));
  }
  if (fault.before) {
    return *fault.before;
  }
  return fault;
}

template <typename Work>
auto Faults::run(Call call, const StopToken& stop, Work work) -> decltype(work()) {
  ARROW_ASSIGN_OR_RAISE(const Fault fault, enter(call, stop));
  auto result = work();
  if (fault.after) {
    return *fault.after;
  }
  return result;
}

class FaultyReader : public PointReader {
 public:
  FaultyReader(std::unique_ptr<PointReader> inner, Faults& faults, StopToken stop)
      : inner_(std::move(inner)), faults_(faults), stop_(std::move(stop)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return inner_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return faults_.run(Call::kReadNext, stop_, [&] { return inner_->ReadNext(batch); });
  }
  IdRange cursor() const override { return inner_->cursor(); }

 private:
  std::unique_ptr<PointReader> inner_;
  Faults& faults_;
  StopToken stop_;
};

class FaultyWriter : public PointWriter {
 public:
  FaultyWriter(std::unique_ptr<PointWriter> inner, Faults& faults, StopToken stop)
      : inner_(std::move(inner)), faults_(faults), stop_(std::move(stop)) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    return faults_.run(Call::kUpsert, stop_, [&] { return inner_->upsert(batch); });
  }
  Status remove(std::span<const PointId> ids) override {
    return faults_.run(Call::kRemove, stop_, [&] { return inner_->remove(ids); });
  }
  Status checkpoint() override {
    return faults_.run(Call::kCheckpoint, stop_, [&] { return inner_->checkpoint(); });
  }

 private:
  std::unique_ptr<PointWriter> inner_;
  Faults& faults_;
  StopToken stop_;
};

Result<std::vector<CollectionSummary>> FaultyBackend::list(StopToken stop) {
  return faults_.run(Call::kList, stop, [&] { return inner_.list(stop); });
}

Result<CollectionConfig> FaultyBackend::describe(std::string_view name, StopToken stop) {
  return faults_.run(Call::kDescribe, stop, [&] { return inner_.describe(name, stop); });
}

Result<uint64_t> FaultyBackend::count(std::string_view name, const Filter* filter, StopToken stop) {
  return faults_.run(Call::kCount, stop, [&] { return inner_.count(name, filter, stop); });
}

Status FaultyBackend::create(std::string_view name, const CollectionConfig& config,
                             StopToken stop) {
  return faults_.run(Call::kCreate, stop, [&] { return inner_.create(name, config, stop); });
}

Status FaultyBackend::drop(std::string_view name, StopToken stop) {
  return faults_.run(Call::kDrop, stop, [&] { return inner_.drop(name, stop); });
}

Status FaultyBackend::finish(std::string_view name, const CollectionConfig& config,
                             StopToken stop) {
  return faults_.run(Call::kFinish, stop, [&] { return inner_.finish(name, config, stop); });
}

Status FaultyBackend::change_settings(std::string_view name, const CollectionConfig& config,
                                      StopToken stop) {
  return faults_.run(Call::kChangeSettings, stop,
                     [&] { return inner_.change_settings(name, config, stop); });
}

Status FaultyBackend::change_aliases(std::span<const AliasChange> changes, StopToken stop) {
  return faults_.run(Call::kChangeAliases, stop,
                     [&] { return inner_.change_aliases(changes, stop); });
}

Result<std::vector<IdRange>> FaultyBackend::plan_scan(std::string_view name, const Filter* filter,
                                                      int parts, StopToken stop) {
  return faults_.run(Call::kPlanScan, stop,
                     [&] { return inner_.plan_scan(name, filter, parts, stop); });
}

Result<std::unique_ptr<PointReader>> FaultyBackend::open_reader(std::string_view name,
                                                                const ScanOptions& options,
                                                                StopToken stop) {
  return faults_.run(Call::kOpenReader, stop, [&]() -> Result<std::unique_ptr<PointReader>> {
    ARROW_ASSIGN_OR_RAISE(auto reader, inner_.open_reader(name, options, stop));
    return std::make_unique<FaultyReader>(std::move(reader), faults_, stop);
  });
}

Result<std::unique_ptr<PointWriter>> FaultyBackend::open_writer(std::string_view name,
                                                                StopToken stop) {
  return faults_.run(Call::kOpenWriter, stop, [&]() -> Result<std::unique_ptr<PointWriter>> {
    ARROW_ASSIGN_OR_RAISE(auto writer, inner_.open_writer(name, stop));
    return std::make_unique<FaultyWriter>(std::move(writer), faults_, stop);
  });
}

}  // namespace vecferry::testing
