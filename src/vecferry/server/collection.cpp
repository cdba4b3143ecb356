#include "vecferry/server/collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/server/bodies_internal.h"
#include "vecferry/server/collection_internal.h"
#include "vecferry/server/strict_mode.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::server {
namespace {

namespace fs = std::filesystem;

// Takes an operation number, and writes nothing.
constexpr std::string_view kNoOperation = R"({"delete":{"points":[]}})";

// A shard that came as a snapshot has a log whose first number is above all that its points carry:
// docs of the engine, "operation numbers". It is in the name of the log's last closed part.
uint64_t first_of_log(const fs::path& log) {
  constexpr std::string_view kClosed = "closed-";
  uint64_t first = 0;
  std::error_code error;
  for (fs::directory_iterator next(log, error); !error && next != fs::directory_iterator();
       next.increment(error)) {
    const std::string name = next->path().filename().string();
    uint64_t number = 0;
    if (name.rfind(kClosed, 0) == 0 &&
        std::from_chars(name.data() + kClosed.size(), name.data() + name.size(), number).ec ==
            std::errc()) {
      first = std::max(first, number);
    }
  }
  return first;
}

Status check_payload_depth(const PointsView& points) {
  for (int64_t row = 0; row < points.rows(); ++row) {
    const std::string_view payload = points.payload(row);
    // Each level takes two bytes at least, so most payloads are not looked into.
    if (payload.size() / 2 > kMaxPayloadDepth && nesting_depth(payload) > kMaxPayloadDepth) {
      return format_error("recursion limit exceeded");
    }
  }
  return Status::OK();
}

std::vector<PointId> ids_of(const PointsView& points) {
  std::vector<PointId> ids;
  ids.reserve(static_cast<size_t>(points.rows()));
  for (int64_t row = 0; row < points.rows(); ++row) {
    ids.push_back(points.id(row));
  }
  return ids;
}

}  // namespace

Collection::Collection(std::shared_ptr<local::LocalPlace> place, std::string name,
                       CollectionConfig config, bool read_only)
    : place_(std::move(place)), name_(std::move(name)), read_only_(read_only) {
  config.aliases.clear();
  config_ = std::make_shared<const CollectionConfig>(std::move(config));
}

std::shared_ptr<const CollectionConfig> Collection::config() const {
  const std::lock_guard guard(state_);
  return config_;
}

Result<std::shared_ptr<arrow::Schema>> Collection::schema() const {
  const std::lock_guard guard(state_);
  if (schema_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(schema_, points_schema(*config_));
  }
  return schema_;
}

Status Collection::check_writable() const {
  return read_only_ ? refused(fmt::format("collection `{}` is served read-only", name_))
                    : Status::OK();
}

Result<local::SharedShard> Collection::open_shard(bool to_write) {
  const std::lock_guard guard(state_);
  if (retired_) {
    return no_collection(name_);
  }
  if (shard_ == nullptr || (to_write && !open_to_write_)) {
    ARROW_ASSIGN_OR_RAISE(auto shard, in_qdrants_words(to_write ? place_->shard_to_write(name_)
                                                                : place_->shard(name_)));
    if (shard_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(const Json info, shard_info(*shard));
      next_operation_ =
          std::max({next_operation_.load(), info.value("last_operation", uint64_t{0}) + 1,
                    first_of_log(place_->layout().shard(name_) / "wal")});
    }
    shard_ = std::move(shard);
    open_to_write_ = open_to_write_ || to_write;
  }
  return shard_;
}

Result<Collection::Use> Collection::use() {
  std::shared_lock lock(use_);
  ARROW_ASSIGN_OR_RAISE(auto shard, open_shard(false));
  return Use{std::move(lock), std::move(shard)};
}

Result<Collection::Use> Collection::use_to_write() {
  ARROW_RETURN_NOT_OK(check_writable());
  std::shared_lock lock(use_);
  ARROW_ASSIGN_OR_RAISE(auto shard, open_shard(true));
  return Use{std::move(lock), std::move(shard)};
}

Result<std::string> Collection::info() {
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  ARROW_ASSIGN_OR_RAISE(const Json info, shard_info(*used.shard));
  const auto config = this->config();
  std::vector<uint64_t> indexed;
  const Json schema = info.value("payload_schema", Json::object());
  for (const auto& index : config->payload_indexes) {
    const auto found = schema.find(index.path);
    indexed.push_back(found == schema.end() ? 0 : found->value("points", uint64_t{0}));
  }
  return wire::info_of(*config,
                       {.status = optimising_ ? "yellow" : "green",
                        .points_count = info.value("points_count", uint64_t{0}),
                        .indexed_vectors_count = info.value("indexed_vectors_count", uint64_t{0}),
                        .segments_count = info.value("segments_count", uint64_t{0})},
                       indexed);
}

Status Collection::store(CollectionConfig config) {
  ARROW_RETURN_NOT_OK(in_qdrants_words(place_->set_config(name_, config)));
  const std::lock_guard guard(state_);
  config_ = std::make_shared<const CollectionConfig>(std::move(config));
  schema_.reset();
  return Status::OK();
}

Status Collection::patch(std::string_view body) {
  ARROW_RETURN_NOT_OK(check_writable());
  const std::unique_lock alone(write_);
  ARROW_ASSIGN_OR_RAISE(auto config, in_qdrants_words(wire::patched(*this->config(), body)));
  ARROW_RETURN_NOT_OK(store(std::move(config)));
  const std::lock_guard guard(state_);
  patched_ = true;
  return Status::OK();
}

UpdateResult Collection::numbered(bool wait) {
  dirty_ = true;
  return {.operation_id = next_operation_++, .completed = wait};
}

void Collection::skip_operation() {
  if (auto used = use_to_write(); used.ok()) {
    discard(used->shard->apply(kNoOperation), "the numbers are then further apart, no more");
    ++next_operation_;
  }
}

void Collection::start_numbers() {
  skip_operation();
  next_operation_ = 1;
}

// What the mode and the filter let through, as runs of rows.
Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Collection::allowed(
    const engine::Shard& shard, const std::shared_ptr<arrow::RecordBatch>& points,
    const UpsertArgs& args) const {
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*points));
  const auto ids = ids_of(view);
  const auto present =
      [&](const std::shared_ptr<arrow::RecordBatch>& found) -> Result<std::vector<PointId>> {
    ARROW_ASSIGN_OR_RAISE(const auto found_view, PointsView::make(*found));
    return ids_of(found_view);  // in id order
  };
  const std::vector<std::string> no_vectors;
  ARROW_ASSIGN_OR_RAISE(const auto there, shard.retrieve(ids, no_vectors, false));
  ARROW_ASSIGN_OR_RAISE(const auto existing, present(there));
  std::vector<PointId> matching = existing;
  if (!args.filter.empty() && args.mode != UpdateMode::kInsertOnly && !existing.empty()) {
    Json filter = Json::parse(args.filter, nullptr, false);
    Json of_these = Json::array();
    for (const auto& id : existing) {
      of_these.push_back(id_json(id));
    }
    ARROW_ASSIGN_OR_RAISE(
        const auto both,
        read_filter(dump({{"must", {{{"has_id", std::move(of_these)}}, std::move(filter)}}})));
    ARROW_ASSIGN_OR_RAISE(const auto page, shard.scan({.byte_limit = INT64_MAX,
                                                       .filter = both.get(),
                                                       .vectors = no_vectors,
                                                       .payload = false}));
    ARROW_ASSIGN_OR_RAISE(matching, present(page.points));
  }
  const auto keep = [&](const PointId& id) {
    if (!std::binary_search(existing.begin(), existing.end(), id)) {
      return args.mode != UpdateMode::kUpdateOnly;
    }
    return args.mode != UpdateMode::kInsertOnly &&
           std::binary_search(matching.begin(), matching.end(), id);
  };
  std::vector<std::shared_ptr<arrow::RecordBatch>> runs;
  int64_t start = 0;
  for (int64_t row = 0; row <= view.rows(); ++row) {
    if (row < view.rows() && keep(ids[static_cast<size_t>(row)])) {
      continue;
    }
    if (row > start) {
      runs.push_back(points->Slice(start, row - start));
    }
    start = row + 1;
  }
  return runs;
}

Result<UpdateResult> Collection::upsert(const std::shared_ptr<arrow::RecordBatch>& points,
                                        const UpsertArgs& args) {
  ARROW_ASSIGN_OR_RAISE(const auto used, use_to_write());
  if (points->num_rows() == 0) {
    return bad_request("Empty update request");
  }
  ARROW_RETURN_NOT_OK(check_upsert(*config(), points->num_rows()));
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*points));
  ARROW_RETURN_NOT_OK(check_payload_depth(view));
  const int64_t bytes = batch_bytes(*points);
  ARROW_RETURN_NOT_OK(in_qdrants_words(place_->check_space(bytes)));
  if (args.mode == UpdateMode::kUpsert && args.filter.empty()) {
    const std::shared_lock together(write_);
    ARROW_RETURN_NOT_OK(in_qdrants_words(used.shard->upsert(*points)));
  } else {
    const std::unique_lock alone(write_);
    ARROW_ASSIGN_OR_RAISE(const auto runs, allowed(*used.shard, points, args));
    for (const auto& run : runs) {
      ARROW_RETURN_NOT_OK(in_qdrants_words(used.shard->upsert(*run)));
    }
  }
  unindexed_bytes_ += bytes;
  return numbered(args.wait);
}

Result<UpdateResult> Collection::apply(std::string_view operation, bool wait) {
  ARROW_ASSIGN_OR_RAISE(const auto used, use_to_write());
  ARROW_ASSIGN_OR_RAISE(const std::string checked, checked_operation(operation, *config()));
  ARROW_RETURN_NOT_OK(
      in_qdrants_words(place_->check_space(static_cast<int64_t>(operation.size()))));
  const std::shared_lock together(write_);
  const Status done = in_qdrants_words(used.shard->apply(checked));
  if (!done.ok()) {
    ++next_operation_;  // the engine logs first
    return done;
  }
  return numbered(wait);
}

Result<UpdateResult> Collection::create_index(const PayloadIndex& index, bool wait) {
  ARROW_ASSIGN_OR_RAISE(const auto used, use_to_write());
  const std::unique_lock alone(write_);
  CollectionConfig config = *this->config();
  // The engine's spelling of the path is the one that is printed.
  ARROW_ASSIGN_OR_RAISE(const PayloadIndex named, as_indexed(index));
  ARROW_RETURN_NOT_OK(check_index_count(config, named.path));
  ARROW_RETURN_NOT_OK(in_qdrants_words(place_->check_space(0)));
  ARROW_RETURN_NOT_OK(in_qdrants_words(used.shard->create_index(index)));
  const auto same = std::find_if(config.payload_indexes.begin(), config.payload_indexes.end(),
                                 [&](const auto& old) { return old.path == named.path; });
  if (same != config.payload_indexes.end()) {
    *same = named;
  } else {
    config.payload_indexes.push_back(named);
    std::sort(config.payload_indexes.begin(), config.payload_indexes.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
  }
  ARROW_RETURN_NOT_OK(store(std::move(config)));
  discard(used.shard->apply(kNoOperation), "a server takes two numbers for an index");
  ++next_operation_;
  return numbered(wait);
}

Result<UpdateResult> Collection::delete_index(std::string_view path, bool wait) {
  ARROW_ASSIGN_OR_RAISE(const auto used, use_to_write());
  const std::unique_lock alone(write_);
  ARROW_ASSIGN_OR_RAISE(const PayloadIndex named, as_indexed({.path = std::string(path)}));
  CollectionConfig config = *this->config();
  std::erase_if(config.payload_indexes,
                [&](const auto& index) { return index.path == named.path; });
  // The record first: one that promises an index which is gone would have it built again.
  ARROW_RETURN_NOT_OK(store(std::move(config)));
  ARROW_RETURN_NOT_OK(in_qdrants_words(used.shard->delete_index(path)));
  discard(used.shard->apply(kNoOperation), "a server takes two numbers for an index");
  ++next_operation_;
  return numbered(wait);
}

bool Collection::optimise_due() {
  const auto config = this->config();
  const Json settings = Json::parse(config->settings_json, nullptr, false);
  const Json optimizers =
      settings.is_object() ? settings.value("optimizer_config", Json()) : Json();
  const auto number = [&](const char* key, int64_t otherwise) {
    const auto found = optimizers.is_object() ? optimizers.find(key) : optimizers.end();
    return optimizers.is_object() && found != optimizers.end() && found->is_number_integer()
               ? found->get<int64_t>()
               : otherwise;
  };
  if (read_only_ || number("max_optimization_threads", 1) == 0) {
    return false;
  }
  {
    const std::lock_guard guard(state_);
    if (retired_ || patched_) {
      return !retired_;
    }
  }
  constexpr int64_t kDefaultThreshold = 10'000;
  const int64_t threshold = number("indexing_threshold", kDefaultThreshold);
  return threshold > 0 && unindexed_bytes_ / 1024 >= threshold;
}

Status Collection::optimise() {
  const std::lock_guard one(heavy_);
  bool reopen = false;
  {
    const std::lock_guard guard(state_);
    reopen = std::exchange(patched_, false);
  }
  if (reopen) {
    ARROW_RETURN_NOT_OK(replace([] { return Status::OK(); }));
  }
  ARROW_ASSIGN_OR_RAISE(const auto used, use_to_write());
  StopToken stop = StopToken::Unstoppable();
  {
    const std::lock_guard guard(state_);
    if (retired_) {
      return no_collection(name_);
    }
    stop = optimise_stop_.emplace().token();
  }
  optimising_ = true;
  unindexed_bytes_ = 0;
  Status done = used.shard->optimise({}, stop);
  optimising_ = false;
  const std::lock_guard guard(state_);
  optimise_stop_.reset();
  return done;
}

void Collection::interrupt() {
  const std::lock_guard guard(state_);
  if (optimise_stop_) {
    optimise_stop_->RequestStop();
  }
}

Status Collection::flush() {
  if (!dirty_.exchange(false)) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  return used.shard->flush();
}

Status Collection::pack(const std::filesystem::path& file) {
  const std::lock_guard one(heavy_);
  ARROW_ASSIGN_OR_RAISE(const auto used, use());
  const auto packed =
      in_qdrants_words(used.shard->pack_snapshot(file, 0, {}, StopToken::Unstoppable()));
  return packed.status();
}

void Collection::retire() {
  {
    const std::lock_guard guard(state_);
    retired_ = true;  // turns new calls away
  }
  interrupt();
  const std::unique_lock alone(use_);
  const std::lock_guard guard(state_);
  shard_.reset();
}

Status Collection::replace(const std::function<Status()>& change) {
  const std::unique_lock alone(use_);
  const std::lock_guard guard(state_);
  shard_.reset();
  open_to_write_ = false;
  ARROW_RETURN_NOT_OK(in_qdrants_words(place_->close_shard(name_)));
  ARROW_RETURN_NOT_OK(change());
  ARROW_ASSIGN_OR_RAISE(auto config, in_qdrants_words(place_->config(name_)));
  config.aliases.clear();
  config_ = std::make_shared<const CollectionConfig>(std::move(config));
  schema_.reset();
  return Status::OK();
}

}  // namespace vecferry::server
