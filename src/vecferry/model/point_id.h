#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vecferry {

using Uuid = std::array<uint8_t, 16>;

/// A point's id: an unsigned 64-bit number or a UUID. Ordered as Qdrant scrolls: numbers ascending,
/// then UUIDs by their bytes.
struct PointId {
  bool is_uuid = false;
  uint64_t number = 0;  ///< 0 when is_uuid
  Uuid uuid{};          ///< zeros unless is_uuid

  static PointId of(uint64_t number) { return {false, number, {}}; }
  static PointId of(const Uuid& uuid) { return {true, 0, uuid}; }

  // NOLINTNEXTLINE(modernize-use-nullptr): what the compiler writes for <=> is no pointer
  friend auto operator<=>(const PointId&, const PointId&) = default;
};

/// "42", or the lower-case hyphenated UUID.
std::string to_string(const PointId& id);

/// A UUID in one of the forms that Qdrant reads: hyphenated, 32 hex digits, in braces, or
/// `urn:uuid:…`; nothing else.
std::optional<Uuid> parse_uuid(std::string_view text);

/// A decimal number up to 2^64-1 without sign or blanks, or a UUID.
std::optional<PointId> parse_point_id(std::string_view text);

/// UUIDv5 of a name that is not an id, in a namespace of our own; the same name always gives the
/// same id.
Uuid uuid_of_name(std::string_view name);

/// The id after this one in scroll order; nothing follows the last UUID.
std::optional<PointId> successor(const PointId& id);

}  // namespace vecferry
