// gRPC messages with points: any bytes are a batch or an error, and a batch that was read is
// written and read again the same.

#include <cstdint>
#include <string>
#include <string_view>

#include "arrow/record_batch.h"
#include "fuzz/check.h"
#include "fuzz/wire_subjects.h"
#include "vecferry/wire/grpc_filter.h"
#include "vecferry/wire/grpc_points.h"

using vecferry::PointsView;
using vecferry::wire::Direction;
using vecferry::wire::PointsDecoder;

namespace {

void check_round_trip(const arrow::RecordBatch& batch) {
  const auto view = PointsView::make(batch);
  VECFERRY_CHECK(view.ok());
  const auto message = vecferry::wire::encode_scroll_response(*view, {}, std::nullopt, 0);
  if (!message.ok()) {
    return;  // nested deeper than is written
  }
  const auto again = vecferry::fuzz::wire_builder();
  PointsDecoder decoder(again.get(), Direction::kReply);
  const auto reply = decoder.scroll_response(*message);
  VECFERRY_CHECK(reply.ok() && reply->points == batch.num_rows());
  const auto same = vecferry::fuzz::valid_batch(again.get());
  // By bytes of a second encoding, because NaN is not equal to itself.
  const auto second = vecferry::wire::encode_scroll_response(PointsView::make(*same).ValueOrDie(),
                                                             {}, std::nullopt, 0);
  VECFERRY_CHECK(second.ok() && *second == *message);
}

void check(std::string_view message, Direction direction) {
  const auto builder = vecferry::fuzz::wire_builder();
  PointsDecoder decoder(builder.get(), direction);
  const bool read = direction == Direction::kReply ? decoder.scroll_response(message).ok()
                                                   : decoder.upsert_points(message).ok();
  if (read) {
    check_round_trip(*vecferry::fuzz::valid_batch(builder.get()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of its own, so that a step too far is seen.
  const std::string message(reinterpret_cast<const char*>(data), size);
  check(message, Direction::kReply);
  check(message, Direction::kRequest);
  const auto head = vecferry::wire::read_upsert_head(message);
  vecferry::discard(head.status(), "only must not crash");
  vecferry::discard(vecferry::wire::filter_json_of(message).status(), "only must not crash");
  return 0;
}
