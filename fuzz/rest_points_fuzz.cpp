// REST bodies: replies and upserts of any bytes never crash, and what is read can be written and
// read again.

#include <cstdint>
#include <string>
#include <string_view>

#include "arrow/record_batch.h"
#include "fuzz/check.h"
#include "fuzz/wire_subjects.h"
#include "vecferry/wire/rest_points.h"
#include "vecferry/wire/rest_settings.h"
#include "vecferry/wire/server_errors.h"

using vecferry::PointsView;
using vecferry::wire::Direction;

namespace {

void check_points(const std::string& text, Direction direction) {
  const auto builder = vecferry::fuzz::wire_builder();
  vecferry::wire::RestPointsReader reader(builder.get(), direction);
  std::string body = text;
  if (direction == Direction::kReply ? !reader.reply(&body).ok() : !reader.upsert(&body).ok()) {
    return;
  }
  const auto batch = vecferry::fuzz::valid_batch(builder.get());
  const auto view = PointsView::make(*batch);
  VECFERRY_CHECK(view.ok());
  for (int64_t row = 0; row < batch->num_rows();) {
    const auto request = vecferry::wire::write_upsert(*view, row, 1000, {});
    if (!request.ok()) {
      return;  // an infinity: larger than JSON can say again
    }
    const auto again = vecferry::fuzz::wire_builder();
    vecferry::wire::RestPointsReader second(again.get(), Direction::kRequest);
    std::string written = request.ValueUnsafe().body;
    const auto head = second.upsert(&written, view->shard_key(row));
    VECFERRY_CHECK(head.ok() && head->points == request->points);
    const auto same = vecferry::fuzz::valid_batch(again.get());
    VECFERRY_CHECK(same->Equals(*batch->Slice(row, request->points)));
    row = request->next_row;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_points(text, Direction::kReply);
  check_points(text, Direction::kRequest);
  vecferry::discard(vecferry::wire::result_of(text).status(), "only must not crash");
  vecferry::discard(vecferry::wire::config_of_info(text, {}).status(), "only must not crash");
  const auto config = vecferry::wire::config_of_create(text);
  if (config.ok()) {
    const auto patched = vecferry::wire::patched(*config, text);
    VECFERRY_CHECK(patched.ok() ||
                   vecferry::kind_of(patched.status()) != vecferry::ErrorKind::kInternal);
  }
  return 0;
}
