#include <fmt/format.h>

#include <algorithm>

#include "vecferry/backends/qdrant/settings_internal.h"
#include "vecferry/backends/qdrant/wait_ready_internal.h"

namespace vecferry::remote {
namespace {

constexpr Milliseconds kFirstPoll{50};
constexpr Milliseconds kLongestPoll{1000};
constexpr Milliseconds kLookInterval{5000};
// Green may come before the optimizer has noticed what there is to do.
constexpr Milliseconds kSecondLook{1100};

// The largest vector's bytes in KiB, as the indexing threshold counts them.
double largest_vector_kib(const CollectionFacts& facts) {
  double most = 0;
  for (const auto& spec : facts.config.vectors) {
    const double bytes =
        spec.kind == VectorKind::kSparse
            ? 0
            : static_cast<double>(spec.dim) * static_cast<double>(size_of(spec.element));
    most = std::max(most, bytes);
  }
  return most * static_cast<double>(facts.state.points_count) / 1024;
}

bool is_ready(const wire::CollectionState& state) {
  return state.status == "green" && state.queued_updates == 0 && state.deferred_points == 0;
}

Status not_red(const Connection& connection, std::string_view name,
               const wire::CollectionState& state) {
  if (state.status != "red" && state.optimizer_error.empty()) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIo,
               .what = fmt::format(
                   "the server could not build its indexes: {}",
                   state.optimizer_error.empty() ? "the collection is red" : state.optimizer_error),
               .where = connection.place_of(name),
               .next = "look at the server's log, its disk and its memory"});
}

void report(const QdrantOptions& options, const CollectionFacts& facts) {
  if (options.index_progress) {
    const uint64_t total =
        facts.state.points_count * std::max<uint64_t>(1, facts.config.vectors.size());
    options.index_progress(std::min(facts.state.indexed_vectors_count, total), total);
  }
}

// Looks now and then whether anything moves.
class StallWatch {
 public:
  StallWatch(const Connection& connection, std::string_view name)
      : connection_(connection), name_(name) {}

  Status look(const CollectionFacts& facts, const StopToken& stop) {
    const auto patience = connection_.options().stall_timeout;
    const auto now = Clock::now();
    if (now - looked_ < std::min<Milliseconds>(kLookInterval, patience)) {
      return Status::OK();
    }
    looked_ = now;
    auto mark = mark_of(facts.state, stop);
    if (mark != mark_) {
      mark_ = std::move(mark);
      moved_ = now;
      return Status::OK();
    }
    if (now - moved_ <= patience) {
      return Status::OK();
    }
    return fail({.kind = ErrorKind::kTimeout,
                 .what = fmt::format(
                     "the server is {} and nothing has moved for {} minutes", facts.state.status,
                     std::chrono::duration_cast<std::chrono::minutes>(patience).count()),
                 .where = connection_.place_of(name_),
                 .next = "look at the server's log; the points are all there"});
  }

 private:
  // The running optimizations tell of long ones (from 1.17).
  std::string mark_of(const wire::CollectionState& state, const StopToken& stop) const {
    std::string mark =
        fmt::format("{} {} {} {} {}", state.status, state.indexed_vectors_count,
                    state.segments_count, state.queued_updates, state.deferred_points);
    if (connection_.features().update_mode) {
      const auto running =
          connection_.rest_once({.path = collection_path(name_) + "/optimizations"}, stop);
      mark += running.reply.body.substr(0, running.reply.body.find("\"time\""));
    }
    return mark;
  }

  const Connection& connection_;
  std::string_view name_;
  Clock::time_point moved_ = Clock::now();
  Clock::time_point looked_ = moved_;
  std::string mark_;
};

// A grey collection waits for an update, for ever.
Status wake(const Connection& connection, std::string_view name, const StopToken& stop) {
  return connection
      .rest(
          {.method = "PATCH", .path = collection_path(name), .body = R"({"optimizers_config":{}})"},
          stop)
      .status();
}

}  // namespace

Status wait_until_ready(const Connection& connection, std::string_view name,
                        const StopToken& stop) {
  // Below the smallest threshold that is in use there is nothing to index.
  constexpr double kSurelyPlainKib = 1000;
  StallWatch watch(connection, name);
  Milliseconds pause = kFirstPoll;
  bool ready_before = false;
  bool woken = false;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto facts, facts_of(connection, name, stop));
    ARROW_RETURN_NOT_OK(not_red(connection, name, facts.state));
    report(connection.options(), facts);
    const bool ready = is_ready(facts.state);
    if (ready && (ready_before || facts.state.indexed_vectors_count > 0 ||
                  largest_vector_kib(facts) < kSurelyPlainKib)) {
      return Status::OK();
    }
    ready_before = ready;
    if (facts.state.status == "grey" && !woken) {
      woken = true;
      ARROW_RETURN_NOT_OK(wake(connection, name, stop));
    }
    ARROW_RETURN_NOT_OK(watch.look(facts, stop));
    ARROW_RETURN_NOT_OK(wall_timer().pause(ready ? kSecondLook : pause, stop));
    pause = std::min(pause * 2, kLongestPoll);
  }
}

}  // namespace vecferry::remote
