#include "vecferry/transform/stamp_payload.h"

#include <fmt/format.h>

#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/payload_text_internal.h"

namespace vecferry {
namespace {

class StampPayload : public Transform {
 public:
  StampPayload(std::string key, std::string value)
      : key_(std::move(key)), value_(std::move(value)) {
    append_string(value_, &value_json_);
  }

  std::string describe() const override {
    return fmt::format("adds payload key {} ('{}')", key_, value_);
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override { return before; }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    uint64_t changed = 0;
    const auto edit = [&](int64_t row, std::string_view before,
                          std::string* after) -> Result<Edit> {
      std::string_view there;
      switch (add_member(before.empty() ? "{}" : before, key_, value_json_, after, &there)) {
        case Added::kAdded:
          return Edit::kChanged;
        case Added::kThere:
          if (there.front() != '"') {
            break;
          }
          kept_ += there == value_json_ ? 0 : 1;
          return Edit::kKept;
        case Added::kBroken: {
          ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
          return not_canonical(to_string(points.id(row)));
        }
      }
      ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("the payload has '{}' already, and it is no text", key_),
                   .where = "point " + to_string(points.id(row)),
                   .next = "leave it unstamped with --no-provenance"});
    };
    return edit_payloads(batch, edit, &changed);
  }

  std::unique_ptr<Transform> clone() const override {
    return std::make_unique<StampPayload>(key_, value_);
  }

  std::map<std::string, uint64_t> counts() const override { return {{key_ + "_kept", kept_}}; }

 private:
  std::string key_;
  std::string value_;
  std::string value_json_{};
  uint64_t kept_ = 0;
};

}  // namespace

std::unique_ptr<Transform> stamp_payload(std::string key, std::string value) {
  return std::make_unique<StampPayload>(std::move(key), std::move(value));
}

}  // namespace vecferry
