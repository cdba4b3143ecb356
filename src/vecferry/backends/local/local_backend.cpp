#include "vecferry/backends/local/local_backend.h"

#include <utility>

#include "vecferry/backends/local/local_shelf.h"
#include "vecferry/backends/local/points_io_internal.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry {
namespace {

// Fewer points are read faster by one lane than several lanes are started.
constexpr uint64_t kWorthSplitting = 20'000;
constexpr int kSamplesPerPart = 256;

class LocalBackend : public Backend {
 public:
  LocalBackend(std::shared_ptr<local::LocalPlace> place, LocalOptions options)
      : place_(std::move(place)), options_(std::move(options)), shelf_(*place_) {}

  Capabilities capabilities() const override {
    return {.changes_settings = true,
            .duplicates = true,
            .normalises_cosine = true,
            .rounds_payload_floats = true,
            .max_payload_depth = kMaxPayloadDepth};
  }

  Result<std::vector<CollectionSummary>> list(StopToken /*stop*/) override {
    ARROW_RETURN_NOT_OK(place_->layout().check_exists());
    ARROW_ASSIGN_OR_RAISE(auto names, place_->layout().collections());
    std::vector<CollectionSummary> summaries;
    for (auto& name : names) {
      auto points_count = place_->points_count(name);
      if (!points_count) {  // written to since it was finished
        points_count = count_now(name);
      }
      summaries.push_back({.name = std::move(name), .points_count = points_count});
    }
    return summaries;
  }

  Result<CollectionConfig> describe(std::string_view name, StopToken /*stop*/) override {
    ARROW_ASSIGN_OR_RAISE(const auto collection, place_->resolve(name));
    return place_->config(collection);
  }

  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto collection, place_->resolve(name));
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(const auto shard, place_->shard(collection));
    auto points = shard->count(filter);
    return points.ok() ? points : place_->at(collection, points.status());
  }

  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    return place_->create(name, config);
  }

  Result<bool> take_over(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    return place_->is_loading(name);
  }

  Status duplicate(std::string_view from, std::string_view to, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto collection, place_->resolve(from));
    return place_->duplicate(collection, to, stop);
  }

  Status drop(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    return place_->drop(name);
  }

  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto collection, place_->resolve(name));
    ARROW_RETURN_NOT_OK(poll(stop));
    return place_->finish(collection, config, options_, stop);
  }

  Status change_settings(std::string_view name, const CollectionConfig& config,
                         StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto collection, place_->resolve(name));
    ARROW_RETURN_NOT_OK(poll(stop));
    return place_->change_settings(collection, config, stop);
  }

  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    return place_->change_aliases(changes);
  }

  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto collection, place_->resolve(name));
    ARROW_RETURN_NOT_OK(poll(stop));
    if (parts < 2) {
      return std::vector<IdRange>{IdRange{}};
    }
    ARROW_ASSIGN_OR_RAISE(const auto shard, place_->shard(collection));
    const auto plan = [&]() -> Result<std::vector<IdRange>> {
      ARROW_ASSIGN_OR_RAISE(const uint64_t points, shard->count(filter));
      if (points < kWorthSplitting) {
        return std::vector<IdRange>{IdRange{}};
      }
      ARROW_ASSIGN_OR_RAISE(
          auto sample, shard->sample_ids(filter, static_cast<uint64_t>(parts) * kSamplesPerPart));
      return split_by_quantiles(std::move(sample), parts);
    };
    auto ranges = plan();
    return ranges.ok() ? ranges : place_->at(collection, ranges.status());
  }

  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto collection, place_->resolve(name));
    return local::make_reader(place_, std::move(collection), options, std::move(stop));
  }

  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto collection, place_->resolve(name));
    ARROW_RETURN_NOT_OK(poll(stop));
    return local::make_writer(place_, std::move(collection), std::move(stop));
  }

  Shelf* shelf() override { return &shelf_; }

 private:
  // None when somebody else has the place open.
  std::optional<uint64_t> count_now(const std::string& name) {
    const auto shard = place_->shard(name);
    if (!shard.ok()) {
      return std::nullopt;
    }
    const auto points = (*shard)->count(nullptr);
    return points.ok() ? std::optional(*points) : std::nullopt;
  }

  std::shared_ptr<local::LocalPlace> place_;
  LocalOptions options_;
  local::LocalShelf shelf_;
};

}  // namespace

Result<std::unique_ptr<Backend>> open_local(const std::filesystem::path& dir,
                                            LocalOptions options) {
  ARROW_ASSIGN_OR_RAISE(auto place, local::LocalPlace::get(dir));
  return std::make_unique<LocalBackend>(std::move(place), std::move(options));
}

}  // namespace vecferry
