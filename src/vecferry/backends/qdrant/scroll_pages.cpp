#include <fmt/format.h>
#include <points.pb.h>

#include <algorithm>
#include <map>

#include "arrow/array.h"
#include "arrow/array/concatenate.h"
#include "arrow/record_batch.h"
#include "vecferry/backends/qdrant/scroll_pages_internal.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

constexpr uint32_t kMostPoints = 50000;
constexpr int64_t kPayloadGuess = 500;
constexpr const char* kScroll = "/qdrant.Points/Scroll";

// What a server that is too slow for pages of this size says.
bool asks_for_less(const Attempt& attempt) {
  return attempt.too_large || kind_of(attempt.status) == ErrorKind::kTimeout;
}

std::string to_where(const ScrollPlan& plan, const std::optional<PointId>& offset) {
  return fmt::format("collection '{}'{}", plan.collection,
                     offset ? fmt::format(", page from id {}", to_string(*offset)) : "");
}

}  // namespace

ScrollPages::ScrollPages(std::shared_ptr<const Connection> connection, ScrollPlan plan,
                         StopToken stop)
    : connection_(std::move(connection)),
      plan_(std::move(plan)),
      stop_(std::move(stop)),
      offset_(plan_.range.from),
      ended_(plan_.range.empty()) {
  learn(1, plan_.point_bytes + (plan_.payload ? kPayloadGuess : 0));
}

ScrollPages::~ScrollPages() = default;

Result<std::unique_ptr<ScrollPages>> ScrollPages::open(std::shared_ptr<const Connection> connection,
                                                       ScrollPlan plan, StopToken stop) {
  std::unique_ptr<ScrollPages> pages(
      new ScrollPages(std::move(connection), std::move(plan), std::move(stop)));
  ARROW_ASSIGN_OR_RAISE(pages->builder_, PointsBuilder::make(pages->plan_.schema));
  if (pages->connection_->uses_grpc()) {
    pages->decoder_ =
        std::make_unique<wire::PointsDecoder>(pages->builder_.get(), wire::Direction::kReply);
    ARROW_ASSIGN_OR_RAISE(pages->lane_, pages->connection_->lane());
  } else {
    pages->rest_reader_ =
        std::make_unique<wire::RestPointsReader>(pages->builder_.get(), wire::Direction::kReply);
  }
  return pages;
}

void ScrollPages::learn(int64_t points, int64_t bytes) {
  const int64_t each = std::max<int64_t>(1, bytes / std::max<int64_t>(1, points));
  const int64_t most = plan_.most_points.value_or(kMostPoints);
  limit_ = static_cast<uint32_t>(
      std::clamp<int64_t>(plan_.page_bytes / each, 1, std::min<int64_t>(most, kMostPoints)));
}

// Pages stay small from now on: what was too slow once will be again.
void ScrollPages::shrink() {
  limit_ = std::max<uint32_t>(1, limit_ / 2);
  plan_.most_points = limit_;
}

wire::ScrollRequest ScrollPages::request() const {
  return {.collection = plan_.collection,
          .offset = offset_,
          .limit = limit_,
          .filter_json = plan_.filter_json,
          .payload = plan_.payload,
          .vectors = plan_.vectors,
          .shard_key = plan_.shard_key};
}

Status ScrollPages::start() {
  ::qdrant::ScrollPoints message;
  ARROW_RETURN_NOT_OK(fill(request(), &message));
  call_ = lane_->start(kScroll, std::make_shared<std::string>(message.SerializeAsString()),
                       connection_->options().read_timeout);
  return Status::OK();
}

Result<wire::PointsReply> ScrollPages::page_over_grpc() {
  Backoff backoff(connection_->options().retry, wall_timer());
  GrpcMessage message;
  for (;;) {
    if (call_ == nullptr) {
      ARROW_RETURN_NOT_OK(start());
    }
    const auto attempt = call_->wait(stop_, &message);
    call_.reset();
    if (attempt.status.ok()) {
      break;
    }
    const bool smaller = asks_for_less(attempt) && limit_ > 1;
    if (smaller) {
      shrink();
    }
    if (!smaller || !attempt.too_large) {
      ARROW_RETURN_NOT_OK(backoff.again(attempt, stop_));
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto next, decoder_->next_page_of(message.bytes()));
  offset_ = next;
  ended_ = !next || (plan_.range.to && *plan_.range.to <= *next);
  if (!ended_) {
    ARROW_RETURN_NOT_OK(start());
  }
  return decoder_->scroll_response(message.bytes());
}

Result<wire::PointsReply> ScrollPages::page_over_rest() {
  Backoff backoff(connection_->options().retry, wall_timer());
  for (;;) {
    const auto body = scroll_body(request());
    auto answer =
        connection_->rest_once({.method = "POST",
                                .path = collection_path(plan_.collection) + "/points/scroll",
                                .body = body,
                                .timeout = connection_->options().read_timeout},
                               stop_);
    if (answer.attempt.status.ok()) {
      ARROW_ASSIGN_OR_RAISE(const auto reply, rest_reader_->reply(&answer.reply.body));
      offset_ = reply.next_page;
      ended_ = !offset_ || (plan_.range.to && *plan_.range.to <= *offset_);
      return reply;
    }
    const bool smaller = asks_for_less(answer.attempt) && limit_ > 1;
    if (smaller) {
      shrink();
    }
    if (!smaller || !answer.attempt.too_large) {
      ARROW_RETURN_NOT_OK(backoff.again(answer.attempt, stop_));
    }
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> ScrollPages::next() {
  while (!ended_) {
    ARROW_RETURN_NOT_OK(poll(stop_));
    const auto from = offset_;
    auto reply = lane_ != nullptr ? page_over_grpc() : page_over_rest();
    if (!reply.ok()) {
      ended_ = true;
      plan_.on_error();
      return widen(reply.status(), to_where(plan_, from));
    }
    learn(builder_->rows(), builder_->bytes());
    ARROW_ASSIGN_OR_RAISE(auto batch, builder_->finish());
    if (!reply->doubtful.empty() && plan_.payload) {
      auto exact = with_exact_payloads(std::move(batch), reply->doubtful);
      ARROW_RETURN_NOT_OK(widen(exact.status(), to_where(plan_, from)));
      batch = *std::move(exact);
    }
    if (plan_.range.to && batch->num_rows() > 0) {  // the last page goes beyond the range
      ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*batch));
      int64_t rows = batch->num_rows();
      while (rows > 0 && *plan_.range.to <= view.id(rows - 1)) {
        --rows;
      }
      if (rows < batch->num_rows()) {
        ended_ = true;
        call_.reset();
        batch = batch->Slice(0, rows);
      }
    }
    if (batch->num_rows() > 0) {
      return batch;
    }
  }
  return std::shared_ptr<arrow::RecordBatch>();
}

// Payloads alone, over REST.
Result<std::shared_ptr<arrow::RecordBatch>> ScrollPages::exact_payloads(
    const std::vector<PointId>& ids) const {
  ARROW_ASSIGN_OR_RAISE(const auto config, config_of(*plan_.schema));
  ARROW_ASSIGN_OR_RAISE(const auto schema, points_schema(config, std::vector<std::string>()));
  ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(schema));
  wire::RestPointsReader reader(builder.get(), wire::Direction::kReply);
  wire::RetrieveRequest request{.ids = ids, .payload = true, .shard_key = plan_.shard_key};
  request.vectors.emplace();
  const auto body = retrieve_body(request);
  ARROW_ASSIGN_OR_RAISE(
      auto text, connection_->rest_body({.method = "POST",
                                         .path = collection_path(plan_.collection) + "/points",
                                         .body = body,
                                         .timeout = connection_->options().read_timeout},
                                        stop_));
  ARROW_RETURN_NOT_OK(reader.reply(&text).status());
  return builder->finish();
}

// gRPC has no integers above 2^63-1: payloads that may hold one are read again over REST.
Result<std::shared_ptr<arrow::RecordBatch>> ScrollPages::with_exact_payloads(
    std::shared_ptr<arrow::RecordBatch> batch, const std::vector<PointId>& doubtful) const {
  ARROW_ASSIGN_OR_RAISE(const auto exact, exact_payloads(doubtful));
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*batch));
  ARROW_ASSIGN_OR_RAISE(const auto exact_view, PointsView::make(*exact));
  const int column = batch->num_columns() - 1;  // the payload is the last one
  const auto old = batch->column(column);
  const auto replacement = exact->column(exact->num_columns() - 1);
  std::map<PointId, int64_t> rows;
  for (int64_t row = 0; row < exact_view.rows(); ++row) {
    rows.emplace(exact_view.id(row), row);
  }
  arrow::ArrayVector parts;
  int64_t copied = 0;
  for (int64_t row = 0; row < view.rows(); ++row) {
    const auto found = rows.find(view.id(row));  // one that is gone meanwhile stays as it was read
    if (found != rows.end()) {
      parts.push_back(old->Slice(copied, row - copied));
      parts.push_back(replacement->Slice(found->second, 1));
      copied = row + 1;
    }
  }
  parts.push_back(old->Slice(copied));
  ARROW_ASSIGN_OR_RAISE(const auto joined, arrow::Concatenate(parts));
  return batch->SetColumn(column, batch->schema()->field(column), joined);
}

}  // namespace vecferry::remote
