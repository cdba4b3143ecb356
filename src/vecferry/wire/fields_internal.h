#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// Protobuf's encoding by hand, for the messages that carry points: generated code would build an
/// object a payload value, where we only pass bytes from a message to a column and back.
namespace vecferry::wire {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// Walks over the fields of one message. After `next` returns false, `failed` tells an end from
/// bytes that are no message. Lifetime: that of the bytes.
class FieldReader {
 public:
  explicit FieldReader(std::string_view message)
      : at_(message.data()), end_(message.data() + message.size()) {}

  bool next() {
    if (at_ == end_) {
      return false;
    }
    uint64_t tag = 0;
    if (!varint(&tag) || (tag >> 3U) == 0 || (tag >> 3U) > kMaxField) {
      return fail_here();
    }
    field_ = static_cast<uint32_t>(tag >> 3U);
    switch (tag & 7U) {
      case 0:
        type_ = WireType::kVarint;
        return varint(&number_) || fail_here();
      case 1:
        type_ = WireType::kFixed64;
        return fixed(sizeof(uint64_t)) || fail_here();
      case 2: {
        type_ = WireType::kBytes;
        uint64_t length = 0;
        if (!varint(&length) || length > static_cast<uint64_t>(end_ - at_)) {
          return fail_here();
        }
        bytes_ = {at_, static_cast<size_t>(length)};
        at_ += length;
        return true;
      }
      case 5:
        type_ = WireType::kFixed32;
        return fixed(sizeof(uint32_t)) || fail_here();
      default:  // groups, which no message here has
        return fail_here();
    }
  }

  uint32_t field() const { return field_; }
  WireType type() const { return type_; }
  bool is(uint32_t field, WireType type) const { return field_ == field && type_ == type; }
  uint64_t number() const { return number_; }        ///< of a varint or fixed field
  std::string_view bytes() const { return bytes_; }  ///< of a length-delimited field
  bool failed() const { return failed_; }

  /// Varints one after another, as packed fields hold them.
  bool varint(uint64_t* value) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) {
        return false;
      }
      const auto byte = static_cast<uint8_t>(*at_++);
      result |= shift == 63 ? uint64_t{byte} << 63U : uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return false;
  }
  bool done() const { return at_ == end_; }

 private:
  static constexpr uint64_t kMaxField = (uint64_t{1} << 29U) - 1;

  bool fixed(size_t width) {
    if (static_cast<size_t>(end_ - at_) < width) {
      return false;
    }
    number_ = 0;
    std::memcpy(&number_, at_, width);
    at_ += width;
    return true;
  }
  bool fail_here() {
    failed_ = true;
    return false;
  }

  const char* at_;
  const char* end_;
  uint32_t field_ = 0;
  WireType type_ = WireType::kVarint;
  uint64_t number_ = 0;
  std::string_view bytes_{};
  bool failed_ = false;
};

inline size_t varint_size(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7U;
    ++size;
  }
  return size;
}

/// Appends fields to a string. Lengths that are known first cost nothing; `open` and `close` are
/// for small messages whose length is not.
class FieldWriter {
 public:
  explicit FieldWriter(std::string* out) : out_(*out) {}

  void varint(uint64_t value) {
    if (value < 0x80) {  // tags, and most lengths
      out_.push_back(static_cast<char>(value));
      return;
    }
    char buffer[10];
    size_t size = 0;
    while (value >= 0x80) {
      buffer[size++] = static_cast<char>(value | 0x80U);
      value >>= 7U;
    }
    buffer[size++] = static_cast<char>(value);
    out_.append(buffer, size);
  }
  void tag(uint32_t field, WireType type) {
    varint((uint64_t{field} << 3U) | static_cast<uint64_t>(type));
  }
  void number(uint32_t field, uint64_t value) {
    tag(field, WireType::kVarint);
    varint(value);
  }
  void fixed32(uint32_t field, float value) {
    tag(field, WireType::kFixed32);
    append_raw(&value, sizeof value);
  }
  void fixed64(uint32_t field, double value) {
    tag(field, WireType::kFixed64);
    append_raw(&value, sizeof value);
  }
  void bytes(uint32_t field, std::string_view value) {
    header(field, value.size());
    out_.append(value);
  }
  /// Tag and length of a field whose bytes follow.
  void header(uint32_t field, size_t length) {
    tag(field, WireType::kBytes);
    varint(length);
  }
  void append_raw(const void* data, size_t size) {
    out_.append(static_cast<const char*>(data), size);
  }

  /// Begin a message of unknown length; pass what it returns to `close`.
  size_t open(uint32_t field) {
    tag(field, WireType::kBytes);
    out_.push_back('\0');
    return out_.size();
  }
  void close(size_t start) {
    uint64_t length = out_.size() - start;
    const size_t size = varint_size(length);
    if (size > 1) {
      out_.insert(start, size - 1, '\0');
    }
    for (size_t i = 0; i < size; ++i) {
      out_[start - 1 + i] =
          static_cast<char>((length & 0x7FU) | (i + 1 < size ? uint64_t{0x80} : uint64_t{0}));
      length >>= 7U;
    }
  }

  std::string& out() { return out_; }

 private:
  std::string& out_;
};

/// Bytes that are no message of the expected kind.
inline Status malformed(std::string_view what) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = "not a protobuf message: " + std::string(what),
               .next = "check that the address is a Qdrant gRPC port"});
}

}  // namespace vecferry::wire
