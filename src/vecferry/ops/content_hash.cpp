#include "vecferry/ops/content_hash.h"

#include <xxhash.h>

#include <algorithm>
#include <array>

#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

bool is_ascii_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// White space beyond ASCII, as UTF-8.
constexpr std::array<std::string_view, 19> kSpaces = {
    "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002",  "\u2003", "\u2004",
    "\u2005", "\u2006", "\u2007", "\u2008", "\u2009",  "\u200A", "\u2028",
    "\u2029", "\u202F", "\u205F", "\u3000", "\xC2\x85"};

// Bytes of the white space at the front of a text; 0 when there is none.
size_t space_length(std::string_view text) {
  if (is_ascii_space(text.front())) {
    return 1;
  }
  const auto first = static_cast<unsigned char>(text.front());
  if (first != 0xC2 && (first < 0xE1 || first > 0xE3)) {
    return 0;
  }
  const auto* found = std::find_if(kSpaces.begin(), kSpaces.end(), [&](std::string_view space) {
    return text.substr(0, space.size()) == space;
  });
  return found == kSpaces.end() ? 0 : found->size();
}

Digest128 digest_of(const XXH128_hash_t& hash) {
  return {hash.high64, hash.low64};
}

}  // namespace

void append_normalised(std::string_view text, std::string* out) {
  const size_t start = out->size();
  bool blank = false;
  while (!text.empty()) {
    const size_t space = space_length(text);
    if (space > 0) {
      blank = true;
      text.remove_prefix(space);
      continue;
    }
    if (blank && out->size() > start) {
      *out += ' ';
    }
    blank = false;
    *out += text.front();
    text.remove_prefix(1);
  }
}

std::optional<Digest128> content_hash(std::string_view text) {
  std::string normal;
  normal.reserve(text.size());
  append_normalised(text, &normal);
  if (normal.empty()) {
    return std::nullopt;
  }
  return digest_of(XXH3_128bits(normal.data(), normal.size()));
}

class RowHasher::State {
 public:
  void start() { XXH3_128bits_reset(hash_.get()); }
  void add(const void* data, size_t size) { XXH3_128bits_update(hash_.get(), data, size); }
  void add(uint64_t value) { add(&value, sizeof value); }
  void add_framed(std::string_view bytes) {
    add(bytes.size());
    add(bytes.data(), bytes.size());
  }
  Digest128 finish() { return digest_of(XXH3_128bits_digest(hash_.get())); }

  // Every part says its length first, so that no two different rows have the same bytes.
  bool add_vectors(const PointsView& points, int64_t row) {
    const auto count =
        std::count_if(points.vectors().begin(), points.vectors().end(),
                      [row](const VectorColumn& column) { return column.present(row); });
    add(static_cast<uint64_t>(count));
    for (const auto& column : points.vectors()) {
      if (!column.present(row)) {
        continue;
      }
      const VectorSpec& spec = column.spec();
      add_framed(spec.name);
      add(static_cast<uint64_t>(spec.kind));
      add(static_cast<uint64_t>(spec.element));
      add(spec.dim);
      if (spec.kind == VectorKind::kSparse) {
        add(column.indices(row).size());
        add(column.indices(row).data(), column.indices(row).size_bytes());
        add(column.values(row).data(), column.values(row).size_bytes());
      } else {
        add(column.elements(row).size());
        add(column.elements(row).data(), column.elements(row).size());
      }
    }
    return count > 0;
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> hash_{XXH3_createState()};
};

RowHasher::RowHasher() : state_(std::make_unique<State>()) {}
RowHasher::~RowHasher() = default;
RowHasher::RowHasher(RowHasher&&) noexcept = default;
RowHasher& RowHasher::operator=(RowHasher&&) noexcept = default;

std::optional<Digest128> RowHasher::vectors(const PointsView& points, int64_t row) {
  state_->start();
  if (!state_->add_vectors(points, row)) {
    return std::nullopt;
  }
  return state_->finish();
}

Digest128 RowHasher::whole(const PointsView& points, int64_t row) {
  state_->start();
  state_->add_vectors(points, row);
  state_->add_framed(points.payload(row));
  return state_->finish();
}

}  // namespace vecferry
