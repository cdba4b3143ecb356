#include <fmt/format.h>

#include <algorithm>

#include "vecferry/backends/qdrant/settings_internal.h"
#include "vecferry/backends/qdrant/wait_ready_internal.h"

namespace vecferry::remote {
namespace {

constexpr Milliseconds kFirstPoll{50};
constexpr Milliseconds kLongestPoll{1000};
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

// What moves while the server works; the running optimizations tell of long ones (from 1.17).
std::string mark_of(const Connection& connection, std::string_view name,
                    const CollectionFacts& facts, const StopToken& stop) {
  const auto& state = facts.state;
  std::string mark = fmt::format("{} {} {} {} {}", state.status, state.indexed_vectors_count,
                                 state.segments_count, state.queued_updates, state.deferred_points);
  if (connection.features().update_mode) {
    const auto running =
        connection.rest_once({.path = collection_path(name) + "/optimizations"}, stop);
    mark += running.reply.body.substr(0, running.reply.body.find("\"time\""));
  }
  return mark;
}

}  // namespace

Status wait_until_ready(const Connection& connection, std::string_view name,
                        const StopToken& stop) {
  const auto& options = connection.options();
  auto moved = Clock::now();
  auto looked_for_movement = moved;
  std::string mark;
  Milliseconds pause = kFirstPoll;
  bool green_before = false;
  bool kicked = false;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto facts, facts_of(connection, name, stop));
    const auto& state = facts.state;
    if (state.status == "red" || !state.optimizer_error.empty()) {
      return fail({.kind = ErrorKind::kIo,
                   .what = fmt::format("the server could not build its indexes: {}",
                                       state.optimizer_error.empty() ? "the collection is red"
                                                                     : state.optimizer_error),
                   .where = connection.place_of(name),
                   .next = "look at the server's log, its disk and its memory"});
    }
    if (options.index_progress) {
      const uint64_t total =
          state.points_count * std::max<uint64_t>(1, facts.config.vectors.size());
      options.index_progress(std::min(state.indexed_vectors_count, total), total);
    }
    const bool done =
        state.status == "green" && state.queued_updates == 0 && state.deferred_points == 0;
    // Below the smallest threshold that is in use there is nothing to index.
    constexpr double kSurelyPlain = 1000;
    if (done && (green_before || state.indexed_vectors_count > 0 ||
                 largest_vector_kib(facts) < kSurelyPlain)) {
      return Status::OK();
    }
    green_before = done;
    if (state.status == "grey" && !kicked) {  // it waits for an update, for ever
      kicked = true;
      ARROW_RETURN_NOT_OK(connection
                              .rest({.method = "PATCH",
                                     .path = collection_path(name),
                                     .body = R"({"optimizers_config":{}})"},
                                    stop)
                              .status());
    }
    if (Clock::now() - looked_for_movement >= std::chrono::seconds(5)) {
      looked_for_movement = Clock::now();
      auto now = mark_of(connection, name, facts, stop);
      if (now != mark) {
        mark = std::move(now);
        moved = Clock::now();
      } else if (Clock::now() - moved > options.stall_timeout) {
        return fail(
            {.kind = ErrorKind::kTimeout,
             .what = fmt::format(
                 "the server is {} and nothing has moved for {} minutes", state.status,
                 std::chrono::duration_cast<std::chrono::minutes>(options.stall_timeout).count()),
             .where = connection.place_of(name),
             .next = "look at the server's log; the points are all there"});
      }
    }
    ARROW_RETURN_NOT_OK(wall_timer().pause(done ? kSecondLook : pause, stop));
    pause = std::min(pause * 2, kLongestPoll);
  }
}

}  // namespace vecferry::remote
