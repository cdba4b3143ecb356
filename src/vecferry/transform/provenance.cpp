#include "vecferry/transform/provenance.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/payload_text_internal.h"

namespace vecferry {
namespace {

constexpr std::string_view kAt = "imported_at";
constexpr std::string_view kFrom = "imported_from";

// "2026-11-22T10:15:00Z", as we write it.
bool is_our_time(std::string_view quoted) {
  static constexpr std::string_view kForm = "\"0000-00-00T00:00:00Z\"";
  if (quoted.size() != kForm.size()) {
    return false;
  }
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = quoted[i] >= '0' && quoted[i] <= '9';
    if (kForm[i] == '0' ? !digit : quoted[i] != kForm[i]) {
      return false;
    }
  }
  return true;
}

class Provenance : public Transform {
 public:
  Provenance(std::string from, std::string at) : from_(std::move(from)), at_(std::move(at)) {
    append_member(kAt, at_, &members_[0]);
    append_member(kFrom, from_, &members_[1]);
  }

  std::string describe() const override {
    return fmt::format("adds payload keys {} ('{}') and {} ({})", kFrom, from_, kAt, at_);
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override { return before; }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    uint64_t changed = 0;
    const auto edit = [&](int64_t row, std::string_view before,
                          std::string* after) -> Result<Edit> {
      switch (write(before.empty() ? "{}" : before, after)) {
        case Outcome::kWritten:
          return *after == before ? Edit::kKept : Edit::kChanged;
        case Outcome::kForeign: {
          ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
          return fail(
              {.kind = ErrorKind::kIncompatible,
               .what = fmt::format("the payload has '{}' or '{}' already, and not from an "
                                   "earlier import",
                                   kFrom, kAt),
               .where = "point " + to_string(points.id(row)),
               .next = fmt::format("leave out --provenance, or --drop-payload {},{}", kFrom, kAt)});
        }
        case Outcome::kBroken:
          break;
      }
      ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
      return not_canonical(to_string(points.id(row)));
    };
    return edit_payloads(batch, edit, &changed);
  }

  std::unique_ptr<Transform> clone() const override {
    return std::make_unique<Provenance>(from_, at_);
  }

 private:
  enum class Outcome { kWritten, kForeign, kBroken };

  static void append_member(std::string_view key, std::string_view text, std::string* out) {
    append_string(key, out);
    *out += ':';
    append_string(text, out);
  }

  // Merge our two members into the object where they belong in the order of keys.
  Outcome write(std::string_view before, std::string* out) {
    *out += '{';
    const auto append = [&](std::string_view member) {
      if (out->size() > 1) {
        *out += ',';
      }
      out->append(member);
    };
    static constexpr std::array<std::string_view, 2> kKeys = {kAt, kFrom};
    size_t ours = 0;
    size_t there = 0;
    PartWalker parts(before);
    if (!parts.is_object()) {
      return Outcome::kBroken;
    }
    while (parts.next()) {
      const std::string_view key = unescaped(parts.key(), &buffer_);
      if (key == kAt || key == kFrom) {
        if (key == kAt ? !is_our_time(parts.value()) : parts.value().front() != '"') {
          return Outcome::kForeign;
        }
        ++there;
        continue;
      }
      while (ours < kKeys.size() && kKeys[ours] < key) {
        append(members_[ours++]);
      }
      append(parts.key());
      *out += ':';
      out->append(parts.value());
    }
    while (ours < kKeys.size()) {
      append(members_[ours++]);
    }
    *out += '}';
    if (parts.broken()) {
      return Outcome::kBroken;
    }
    return there == 1 ? Outcome::kForeign : Outcome::kWritten;
  }

  std::string from_;
  std::string at_;
  std::array<std::string, 2> members_{};  // in the order of their keys
  std::string buffer_{};
};

}  // namespace

std::unique_ptr<Transform> provenance(std::string imported_from, std::string imported_at) {
  return std::make_unique<Provenance>(std::move(imported_from), std::move(imported_at));
}

}  // namespace vecferry
