#include <gtest/gtest.h>

#include "tests/property/backend_model.h"
#include "vecferry/backends/memory/memory_backend.h"

namespace vecferry::testing {
namespace {

class MemoryPlace : public Place {
 public:
  Backend& backend() override { return *backend_; }

 private:
  std::unique_ptr<Backend> backend_ = memory_backend();
};

TEST(MemoryModelTest, RandomOperationsAgreeWithAMap) {
  expect_agreement({"memory", [] { return std::make_unique<MemoryPlace>(); }}, 60, 80);
}

// A backend that loses a write is found: the test itself can fail.
class ForgetfulWriter : public PointWriter {
 public:
  explicit ForgetfulWriter(std::unique_ptr<PointWriter> inner) : inner_(std::move(inner)) {}
  Status upsert(const arrow::RecordBatch& batch) override { return inner_->upsert(batch); }
  Status remove(std::span<const PointId> ids) override {
    return inner_->remove(ids.size() > 1 ? ids.first(ids.size() - 1) : ids);
  }
  Status checkpoint() override { return inner_->checkpoint(); }

 private:
  std::unique_ptr<PointWriter> inner_;
};

class ForgetfulPlace : public Place, public Backend {
 public:
  Backend& backend() override { return *this; }
  Capabilities capabilities() const override { return inner_->capabilities(); }
  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    return inner_->list(stop);
  }
  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    return inner_->describe(name, stop);
  }
  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    return inner_->count(name, filter, stop);
  }
  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    return inner_->create(name, config, stop);
  }
  Status drop(std::string_view name, StopToken stop) override { return inner_->drop(name, stop); }
  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    return inner_->finish(name, config, stop);
  }
  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override {
    return inner_->change_aliases(changes, stop);
  }
  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    return inner_->plan_scan(name, filter, parts, stop);
  }
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    return inner_->open_reader(name, options, stop);
  }
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto writer, inner_->open_writer(name, stop));
    return std::make_unique<ForgetfulWriter>(std::move(writer));
  }

 private:
  std::unique_ptr<Backend> inner_ = memory_backend();
};

TEST(MemoryModelTest, AForgottenRemovalIsFoundAndToldWithItsSeed) {
  const std::string difference =
      disagreement({"forgetful", [] { return std::make_unique<ForgetfulPlace>(); }}, 1, 200);
  EXPECT_NE(difference.find("seed 1"), std::string::npos);
  EXPECT_NE(difference.find("extra"), std::string::npos) << difference;
}

}  // namespace
}  // namespace vecferry::testing
