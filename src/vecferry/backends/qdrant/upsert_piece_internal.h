#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/backends/qdrant/grpc_lane_internal.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::remote {

/// One upsert request, and the rows that are in it, for another try in parts.
struct UpsertPiece {
  std::shared_ptr<arrow::RecordBatch> rows{};
  GrpcPayload body{};  ///< a message, or JSON
  bool rest = false;
  int64_t points = 0;
  int64_t taken = 0;                ///< rows looked at; more than `points` by those left out
  std::vector<int64_t> for_rest{};  ///< rows left out, which only REST can carry
  PointId least{};
  PointId greatest{};

  int64_t bytes() const { return body == nullptr ? 0 : static_cast<int64_t>(body->size()); }
  /// May both hold the same id?
  bool may_meet(const UpsertPiece& other) const {
    return !(greatest < other.least || other.greatest < least);
  }
};

/// Encodes and sends upserts of one collection, and finds out what became of those that failed: a
/// passing failure is tried again, a request that is too large goes in parts, and a point that the
/// server refuses is found and named.
/// Thread: one caller at a time.
class UpsertSender {
 public:
  static Result<std::unique_ptr<UpsertSender>> open(std::shared_ptr<const Connection> connection,
                                                    std::string collection);
  ~UpsertSender();
  UpsertSender(const UpsertSender&) = delete;
  UpsertSender& operator=(const UpsertSender&) = delete;

  bool over_rest() const { return lane_ == nullptr; }
  /// Points that a request may have: what strict mode has taught.
  int64_t most_points() const { return most_points_; }

  /// What encoding does not find. Errors: kIncompatible for a point that cannot be sent.
  Status check(const PointsView& view) const;
  /// As many of the first rows as fit into `max_bytes`, at least one.
  Result<UpsertPiece> encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                             int64_t max_bytes) const;

  std::unique_ptr<GrpcCall> start(const UpsertPiece& piece) const;
  Attempt wait(GrpcCall& call, const StopToken& stop) const;
  /// `start` and `wait`, over either transport.
  Attempt submit(const UpsertPiece& piece, const StopToken& stop) const;

  /// OK once all points of a request whose first try ended so are stored.
  Status settle(const UpsertPiece& piece, Attempt attempt, const StopToken& stop);
  /// Rows that only REST can carry.
  Status send_over_rest(const std::shared_ptr<arrow::RecordBatch>& rows, const StopToken& stop);

 private:
  UpsertSender(std::shared_ptr<const Connection> connection, std::string collection);

  Result<UpsertPiece> encode_as(const std::shared_ptr<arrow::RecordBatch>& rows, int64_t max_bytes,
                                bool rest) const;
  Status in_halves(const UpsertPiece& piece, const StopToken& stop);
  Status send(const std::shared_ptr<arrow::RecordBatch>& rows, bool rest, const StopToken& stop);
  Attempt submit_over_rest(const UpsertPiece& piece, const StopToken& stop) const;

  std::shared_ptr<const Connection> connection_;
  std::string collection_;
  BorrowedLane lane_;  // null: REST only
  int64_t most_points_ = std::numeric_limits<int32_t>::max();
};

}  // namespace vecferry::remote
