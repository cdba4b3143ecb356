#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include "arrow/record_batch.h"
#include "vecferry/backends/qdrant/qdrant_writer_internal.h"
#include "vecferry/backends/qdrant/upsert_piece_internal.h"
#include "vecferry/wire/requests.h"

namespace vecferry::remote {
namespace {

using Rows = std::shared_ptr<arrow::RecordBatch>;

// One is stored while the next is sent.
constexpr size_t kInFlight = 2;
constexpr size_t kIdsPerDelete = 10000;

struct InFlight {
  UpsertPiece piece{};
  std::unique_ptr<GrpcCall> call{};
};

class QdrantWriter : public PointWriter {
 public:
  QdrantWriter(WriterPlace place, WriterTarget target, std::unique_ptr<UpsertSender> sender,
               StopToken stop)
      : place_(std::move(place)),
        target_(std::move(target)),
        sender_(std::move(sender)),
        stop_(std::move(stop)) {}

  ~QdrantWriter() override {
    for (size_t i = 0; i < in_flight_.size(); ++i) {
      place_.pace->leave(Milliseconds(0), 0);
    }
  }
  QdrantWriter(const QdrantWriter&) = delete;
  QdrantWriter& operator=(const QdrantWriter&) = delete;

  Status upsert(const arrow::RecordBatch& batch) override { return noted(put_all(batch)); }
  Status remove(std::span<const PointId> ids) override { return noted(remove_all(ids)); }
  Status checkpoint() override { return noted(drain()); }

 private:
  // After an error the collection may not be what it was.
  Status noted(Status status) {
    if (!status.ok()) {
      place_.known->forget();
      place_.connection->gave_up(status);
    }
    return status;
  }

  Status put_all(const arrow::RecordBatch& batch) {
    ARROW_RETURN_NOT_OK(poll(stop_));
    if (batch.num_rows() == 0) {
      return Status::OK();
    }
    const Rows rows = batch.Slice(0);
    ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*rows));
    ARROW_RETURN_NOT_OK(check(view));
    if (!target_.config.custom_sharding()) {
      return put(rows, view, std::nullopt);
    }
    ARROW_ASSIGN_OR_RAISE(const auto groups, by_key(rows, view));
    for (const auto& [key, group] : groups) {
      ARROW_RETURN_NOT_OK(
          place_.shard_keys->ensure(*place_.connection, target_.collection, {.text = key}, stop_));
      ARROW_ASSIGN_OR_RAISE(const auto group_view, PointsView::make(*group));
      ARROW_RETURN_NOT_OK(put(group, group_view, key));
    }
    return Status::OK();
  }

  Status remove_all(std::span<const PointId> ids) {
    ARROW_RETURN_NOT_OK(drain());
    if (!target_.config.custom_sharding()) {
      return remove_under(ids, std::nullopt);
    }
    ARROW_ASSIGN_OR_RAISE(const auto keys,
                          shard_keys_of(*place_.connection, target_.collection, stop_));
    for (const auto& key : keys) {
      ARROW_RETURN_NOT_OK(remove_under(ids, key.text));
    }
    return Status::OK();
  }

  Status incompatible(std::string what) const {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = std::move(what),
                 .where = place_.connection->place_of(target_.collection),
                 .next = "compare `vecferry info` of both sides"});
  }

  // What a server would find only once part of the points is stored.
  Status check(const PointsView& view) const {
    for (const auto& column : view.vectors()) {
      const auto& spec = column.spec();
      const auto there = target_.config.vector(spec.name);
      if (!there.ok()) {
        return incompatible(failure_of(there.status()).what);
      }
      if (there->kind != spec.kind || there->dim != spec.dim || there->element != spec.element) {
        return incompatible(
            fmt::format("vector '{}' is {} {} of dim {}, the collection wants {} {} of dim {}",
                        spec.name, to_string(spec.kind), to_string(spec.element), spec.dim,
                        to_string(there->kind), to_string(there->element), there->dim));
      }
    }
    const bool custom = target_.config.custom_sharding();
    for (int64_t row = 0; row < view.rows(); ++row) {
      if (view.shard_key(row).has_value() != custom) {
        const std::string point = to_string(view.id(row));
        return incompatible(
            custom ? fmt::format("point {} has no shard key, and the collection wants one", point)
                   : fmt::format("point {} has a shard key, and the collection has none", point));
      }
    }
    return sender_->check(view);
  }

  static Result<std::map<std::string, Rows>> by_key(const Rows& rows, const PointsView& view) {
    std::map<std::string, arrow::RecordBatchVector> runs;
    for (int64_t row = 0; row < view.rows();) {
      const auto key = view.shard_key(row);
      int64_t end = row + 1;
      while (end < view.rows() && view.shard_key(end) == key) {
        ++end;
      }
      runs[std::string(key.value_or(""))].push_back(rows->Slice(row, end - row));
      row = end;
    }
    std::map<std::string, Rows> groups;
    for (const auto& [key, parts] : runs) {
      ARROW_ASSIGN_OR_RAISE(groups[key], arrow::ConcatenateRecordBatches(parts));
    }
    return groups;
  }

  // Before 1.19 a point that exists keeps the vectors and the payload that the new one lacks.
  std::vector<PointId> keep_something(const PointsView& view) const {
    std::vector<PointId> ids;
    if (target_.fresh || place_.connection->features().replaces_whole_points) {
      return ids;
    }
    for (int64_t row = 0; row < view.rows(); ++row) {
      const auto& columns = view.vectors();
      const bool whole =
          !view.payload(row).empty() && columns.size() == target_.config.vectors.size() &&
          std::all_of(columns.begin(), columns.end(),
                      [&](const VectorColumn& column) { return column.present(row); });
      if (!whole) {
        ids.push_back(view.id(row));
      }
    }
    return ids;
  }

  // Rows of one shard key.
  Status put(const Rows& rows, const PointsView& view, const std::optional<std::string>& key) {
    const auto old = keep_something(view);
    if (!old.empty()) {
      ARROW_RETURN_NOT_OK(drain());
      ARROW_RETURN_NOT_OK(remove_under(old, key));
    }
    for (int64_t row = 0; row < rows->num_rows();) {
      const auto part = rows->Slice(row, sender_->most_points());
      ARROW_ASSIGN_OR_RAISE(auto piece, sender_->encode(part, place_.pace->request_bytes()));
      row += piece.taken;
      for (const int64_t other : piece.for_rest) {
        ARROW_RETURN_NOT_OK(place_.pace->spend(1, stop_));
        ARROW_RETURN_NOT_OK(drain());
        ARROW_RETURN_NOT_OK(sender_->send_over_rest(part->Slice(other, 1), stop_));
      }
      if (piece.points > 0) {
        ARROW_RETURN_NOT_OK(launch(std::move(piece)));
      }
    }
    return Status::OK();
  }

  Status launch(UpsertPiece piece) {
    ARROW_RETURN_NOT_OK(place_.pace->spend(piece.points, stop_));
    // Requests in flight may overtake each other, so two with the same id are not.
    while (!in_flight_.empty() &&
           (in_flight_.size() >= kInFlight ||
            std::any_of(in_flight_.begin(), in_flight_.end(),
                        [&](const InFlight& other) { return other.piece.may_meet(piece); }))) {
      ARROW_RETURN_NOT_OK(land());
    }
    while (!place_.pace->try_enter()) {
      if (in_flight_.empty()) {
        ARROW_RETURN_NOT_OK(place_.pace->enter(0, stop_));
        break;
      }
      ARROW_RETURN_NOT_OK(land());
    }
    if (sender_->over_rest()) {
      const auto start = Clock::now();
      const auto attempt = sender_->submit(piece, stop_);
      leave(attempt, piece, std::chrono::duration_cast<Milliseconds>(Clock::now() - start));
      return sender_->settle(piece, attempt, stop_);
    }
    auto call = sender_->start(piece);
    in_flight_.push_back({std::move(piece), std::move(call)});
    return Status::OK();
  }

  void leave(const Attempt& attempt, const UpsertPiece& piece, Milliseconds latency) {
    if (attempt.status.ok()) {
      place_.pace->leave(latency, piece.bytes());
    } else {
      place_.pace->leave_failed(attempt);
    }
  }

  // Wait for the oldest request.
  Status land() {
    InFlight request = std::move(in_flight_.front());
    in_flight_.pop_front();
    const auto attempt = sender_->wait(*request.call, stop_);
    leave(attempt, request.piece, request.call->latency());
    return sender_->settle(request.piece, attempt, stop_);
  }

  Status drain() {
    while (!in_flight_.empty()) {
      ARROW_RETURN_NOT_OK(land());
    }
    return poll(stop_);
  }

  Status remove_under(std::span<const PointId> ids, const std::optional<std::string>& key) {
    for (size_t first = 0; first < ids.size(); first += kIdsPerDelete) {
      const auto part = ids.subspan(first, std::min(kIdsPerDelete, ids.size() - first));
      const auto body = wire::delete_body({.ids = {part.begin(), part.end()}, .shard_key = key});
      ARROW_RETURN_NOT_OK(
          place_.connection
              ->rest({.method = "POST",
                      .path = collection_path(target_.collection) + "/points/delete?wait=true",
                      .body = body,
                      .timeout = place_.connection->options().write_timeout},
                     stop_)
              .status());
    }
    return poll(stop_);
  }

  WriterPlace place_;
  WriterTarget target_;
  std::unique_ptr<UpsertSender> sender_;
  StopToken stop_;
  std::deque<InFlight> in_flight_;
};

}  // namespace

Result<std::unique_ptr<PointWriter>> make_writer(WriterPlace place, WriterTarget target,
                                                 StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto sender, UpsertSender::open(place.connection, target.collection));
  return std::make_unique<QdrantWriter>(std::move(place), std::move(target), std::move(sender),
                                        std::move(stop));
}

}  // namespace vecferry::remote
