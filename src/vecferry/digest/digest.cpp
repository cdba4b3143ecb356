#include "vecferry/digest/digest.h"

#include <xxhash.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

// Elements and lengths are hashed as they lie in memory.
static_assert(std::endian::native == std::endian::little, "digests hash little-endian bytes");

// Codes of docs/digest.md. They are not the enumerators' values, which may be reordered.
uint8_t code_of(VectorKind kind) {
  switch (kind) {
    case VectorKind::kDense:
      return 1;
    case VectorKind::kMulti:
      return 2;
    case VectorKind::kSparse:
      break;
  }
  return 3;
}

uint8_t code_of(ElementType element) {
  switch (element) {
    case ElementType::kFloat32:
      return 1;
    case ElementType::kFloat16:
      return 2;
    case ElementType::kUint8:
      break;
  }
  return 3;
}

}  // namespace

// Headers gather in `head` and are hashed together with the next long part, because XXH3 takes few
// long pieces much faster than many short ones; vector elements are hashed where they lie.
class PointDigester::State {
 public:
  void start() {
    head_.clear();
    XXH3_128bits_reset(hash_.get());
  }

  template <typename T>
  void put(T value) {
    static_assert(std::is_unsigned_v<T>);
    const auto* bytes = reinterpret_cast<const char*>(&value);
    head_.append(bytes, sizeof value);
  }

  void put_short(std::string_view bytes) {
    put(static_cast<uint64_t>(bytes.size()));
    head_.append(bytes);
  }

  void put_long(const void* data, size_t size) {
    flush();
    XXH3_128bits_update(hash_.get(), data, size);
  }

  Digest128 finish() {
    flush();
    const XXH128_hash_t hash = XXH3_128bits_digest(hash_.get());
    return {hash.high64, hash.low64};
  }

 private:
  void flush() {
    XXH3_128bits_update(hash_.get(), head_.data(), head_.size());
    head_.clear();
  }

  std::string head_;
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> hash_{XXH3_createState()};
};

PointDigester::PointDigester() : state_(std::make_unique<State>()) {}
PointDigester::~PointDigester() = default;
PointDigester::PointDigester(PointDigester&&) noexcept = default;
PointDigester& PointDigester::operator=(PointDigester&&) noexcept = default;

Digest128 PointDigester::digest(const PointsView& points, int64_t row) {
  State& state = *state_;
  state.start();

  const PointId id = points.id(row);
  if (id.is_uuid) {
    state.put(uint8_t{2});
    state.put_long(id.uuid.data(), id.uuid.size());
  } else {
    state.put(uint8_t{1});
    state.put(id.number);
  }

  const auto shard_key = points.shard_key(row);
  state.put(static_cast<uint8_t>(shard_key.has_value()));
  if (shard_key) {
    state.put_short(*shard_key);
  }

  uint32_t present = 0;
  for (const auto& column : points.vectors()) {
    present += column.present(row) ? 1U : 0U;
  }
  state.put(present);
  for (const auto& column : points.vectors()) {
    if (!column.present(row)) {
      continue;
    }
    const VectorSpec& spec = column.spec();
    state.put_short(spec.name);
    state.put(code_of(spec.kind));
    state.put(code_of(spec.element));
    if (spec.kind == VectorKind::kSparse) {
      const auto indices = column.indices(row);
      const auto values = column.values(row);
      state.put(uint64_t{0});
      state.put(static_cast<uint64_t>(indices.size()));
      state.put_long(indices.data(), indices.size_bytes());
      state.put_long(values.data(), values.size_bytes());
    } else {
      const auto elements = column.elements(row);
      state.put(static_cast<uint64_t>(spec.dim));
      state.put(static_cast<uint64_t>(column.vector_count(row)));
      state.put_long(elements.data(), elements.size_bytes());
    }
  }

  const std::string_view payload = points.payload(row);
  state.put(static_cast<uint64_t>(payload.size()));
  state.put_long(payload.data(), payload.size());
  return state.finish();
}

void RangeDigest::add(const Digest128& point) {
  ++count;
  sum.low += point.low;
  sum.high += point.high + (sum.low < point.low ? 1U : 0U);
}

void RangeDigest::merge(const RangeDigest& other) {
  add(other.sum);
  count += other.count - 1;
}

std::string to_hex(const Digest128& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(32);
  for (const uint64_t half : {digest.high, digest.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      hex += kDigits[(half >> static_cast<unsigned>(shift)) & 0xFU];
    }
  }
  return hex;
}

std::optional<Digest128> digest_from_hex(std::string_view hex) {
  if (hex.size() != 32) {
    return std::nullopt;
  }
  Digest128 digest;
  for (const char c : hex) {
    uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint64_t>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    digest.high = digest.high << 4U | digest.low >> 60U;
    digest.low = digest.low << 4U | digit;
  }
  return digest;
}

Status digest_batch(const arrow::RecordBatch& batch, RangeDigest* sum,
                    std::vector<Digest128>* per_point) {
  ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(batch));
  PointDigester digester;
  for (int64_t row = 0; row < points.rows(); ++row) {
    const Digest128 point = digester.digest(points, row);
    sum->add(point);
    if (per_point != nullptr) {
      per_point->push_back(point);
    }
  }
  return Status::OK();
}

}  // namespace vecferry
