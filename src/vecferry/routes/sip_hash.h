#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

/// SipHash-2-4 with a zero key, as Qdrant's hash ring uses it. OpenSSL has one as well, which takes
/// some hundred nanoseconds to set up for the 16 bytes of a point's id.
namespace vecferry {

class SipHash {
 public:
  /// One whole block: eight bytes, read as a little-endian number.
  constexpr void add(uint64_t block) {
    v_[3] ^= block;
    round();
    round();
    v_[0] ^= block;
    bytes_ += sizeof block;
  }

  /// Of the blocks that were added; call once.
  constexpr uint64_t value() {
    const uint64_t last = bytes_ << 56U;  // a message of whole blocks ends with its length alone
    v_[3] ^= last;
    round();
    round();
    v_[0] ^= last;
    v_[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) {
      round();
    }
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  constexpr void round() {
    v_[0] += v_[1];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[3];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] += v_[3];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] += v_[1];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[2] = std::rotl(v_[2], 32);
  }

  std::array<uint64_t, 4> v_{0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261,
                             0x7465646279746573};
  uint64_t bytes_ = 0;
};

}  // namespace vecferry
