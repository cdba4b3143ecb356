#include <fmt/format.h>
#include <points.pb.h>

#include <algorithm>

#include "arrow/record_batch.h"
#include "vecferry/backends/qdrant/upsert_piece_internal.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/wire/grpc_points.h"
#include "vecferry/wire/rest_points.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

using Rows = std::shared_ptr<arrow::RecordBatch>;

constexpr const char* kUpsert = "/qdrant.Points/Upsert";
constexpr int64_t kNoBound = int64_t{1} << 40;

// We asked the server to wait: anything but "completed" is no proof.
Status not_stored(std::string_view where) {
  return fail({.kind = ErrorKind::kTimeout,
               .what = "the server took the points and did not say that they are stored",
               .where = std::string(where),
               .next = "see the server's log and its update queue",
               .retryable = true});
}

Status check_rest_reply(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const auto result, wire::result_of(body));
  ARROW_ASSIGN_OR_RAISE(const auto update, wire::update_of(result));
  return update.status == wire::UpdateStatus::kCompleted ? Status::OK() : not_stored("PUT points");
}

Status check_grpc_reply(std::string_view bytes) {
  ::qdrant::PointsOperationResponse reply;
  if (!reply.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = "not a Qdrant reply: no result of an update",
                 .where = kUpsert});
  }
  return reply.result().status() == ::qdrant::Completed ? Status::OK() : not_stored(kUpsert);
}

}  // namespace

UpsertSender::UpsertSender(std::shared_ptr<const Connection> connection, std::string collection)
    : connection_(std::move(connection)), collection_(std::move(collection)) {}
UpsertSender::~UpsertSender() = default;

Result<std::unique_ptr<UpsertSender>> UpsertSender::open(
    std::shared_ptr<const Connection> connection, std::string collection) {
  std::unique_ptr<UpsertSender> sender(
      new UpsertSender(std::move(connection), std::move(collection)));
  if (sender->connection_->uses_grpc()) {
    ARROW_ASSIGN_OR_RAISE(sender->lane_, sender->connection_->lane());
  }
  return sender;
}

Status UpsertSender::check(const PointsView& view) const {
  if (!over_rest()) {
    return Status::OK();  // encoding finds it
  }
  for (int64_t row = 0; row < view.rows(); ++row) {
    // A server would store what it then cannot read.
    if (nesting_depth(view.payload(row)) > kMaxPayloadDepth) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("the payload of point {} is nested deeper than {}",
                                       to_string(view.id(row)), kMaxPayloadDepth),
                   .where = connection_->place_of(collection_)});
    }
  }
  return Status::OK();
}

Result<UpsertPiece> UpsertSender::encode(const Rows& rows, int64_t max_bytes) const {
  return encode_as(rows, max_bytes, over_rest());
}

Result<UpsertPiece> UpsertSender::encode_as(const Rows& rows, int64_t max_bytes, bool rest) const {
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*rows));
  UpsertPiece piece{.rest = rest};
  if (rest) {
    ARROW_ASSIGN_OR_RAISE(auto written, wire::write_upsert(view, 0, max_bytes, {}));
    piece.body = std::make_shared<const std::string>(std::move(written.body));
    piece.points = written.points;
    piece.taken = written.next_row;
  } else {
    const auto& ordering = connection_->options().write_ordering;
    ARROW_ASSIGN_OR_RAISE(
        auto encoded,
        wire::encode_upsert(
            view, 0, max_bytes,
            {.collection = collection_,
             .wait = true,
             .oneof_vectors = connection_->features().oneof_vectors,
             .ordering = ordering ? std::optional(static_cast<int>(*ordering)) : std::nullopt}));
    piece.body = std::make_shared<const std::string>(std::move(encoded.message));
    piece.points = encoded.points;
    piece.taken = encoded.next_row;
    piece.for_rest = std::move(encoded.for_rest);
  }
  piece.rows = rows->Slice(0, piece.taken);
  piece.least = view.id(0);
  piece.greatest = view.id(0);
  for (int64_t row = 1; row < piece.taken; ++row) {
    piece.least = std::min(piece.least, view.id(row));
    piece.greatest = std::max(piece.greatest, view.id(row));
  }
  return piece;
}

std::unique_ptr<GrpcCall> UpsertSender::start(const UpsertPiece& piece) const {
  return lane_->start(kUpsert, piece.body, connection_->options().write_timeout);
}

Attempt UpsertSender::wait(GrpcCall& call, const StopToken& stop) const {
  GrpcMessage message;
  auto attempt = call.wait(stop, &message);
  if (attempt.status.ok()) {
    attempt.status = check_grpc_reply(message.bytes());
  }
  return attempt;
}

Attempt UpsertSender::submit_over_rest(const UpsertPiece& piece, const StopToken& stop) const {
  const auto& options = connection_->options();
  std::string path = collection_path(collection_) + "/points?wait=true";
  if (options.write_ordering) {
    path += fmt::format("&ordering={}", to_string(*options.write_ordering));
  }
  auto answer = connection_->rest_once(
      {.method = "PUT", .path = path, .body = *piece.body, .timeout = options.write_timeout}, stop);
  if (answer.attempt.status.ok()) {
    answer.attempt.status = check_rest_reply(answer.reply.body);
  }
  return answer.attempt;
}

Attempt UpsertSender::submit(const UpsertPiece& piece, const StopToken& stop) const {
  return piece.rest ? submit_over_rest(piece, stop) : wait(*start(piece), stop);
}

Status UpsertSender::settle(const UpsertPiece& piece, Attempt attempt, const StopToken& stop) {
  Backoff backoff(connection_->options().retry, wall_timer());
  for (;;) {
    if (attempt.status.ok()) {
      return Status::OK();
    }
    if (attempt.too_large) {
      most_points_ = std::min(most_points_, std::max<int64_t>(1, piece.points / 2));
    }
    if ((attempt.too_large || attempt.about_points) && piece.rows->num_rows() > 1) {
      return in_halves(piece, stop);
    }
    if (attempt.about_points || attempt.too_large) {
      return widen(attempt.status, fmt::format("point {}", to_string(piece.least)));
    }
    ARROW_RETURN_NOT_OK(
        widen(backoff.again(attempt, stop),
              fmt::format("points {} to {}", to_string(piece.least), to_string(piece.greatest))));
    attempt = submit(piece, stop);
  }
}

Status UpsertSender::send(const Rows& rows, bool rest, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto piece, encode_as(rows, kNoBound, rest));
  if (piece.points == 0) {  // those for REST have gone already
    return Status::OK();
  }
  return settle(piece, submit(piece, stop), stop);
}

Status UpsertSender::in_halves(const UpsertPiece& piece, const StopToken& stop) {
  const int64_t half = std::max<int64_t>(1, piece.rows->num_rows() / 2);
  ARROW_RETURN_NOT_OK(send(piece.rows->Slice(0, half), piece.rest, stop));
  return send(piece.rows->Slice(half), piece.rest, stop);
}

Status UpsertSender::send_over_rest(const Rows& rows, const StopToken& stop) {
  return send(rows, true, stop);
}

}  // namespace vecferry::remote
