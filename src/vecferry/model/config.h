#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// A collection's configuration: what we understand as fields, the rest as the original JSON, so
/// that a setting which a newer server adds still travels.
namespace vecferry {

enum class Distance { kCosine, kEuclid, kDot, kManhattan };
enum class ElementType { kFloat32, kFloat16, kUint8 };
enum class VectorKind { kDense, kMulti, kSparse };

std::string_view to_string(Distance distance);    ///< "Cosine", as Qdrant spells it
std::string_view to_string(ElementType element);  ///< "float32"
std::string_view to_string(VectorKind kind);      ///< "dense"
std::optional<Distance> parse_distance(std::string_view text);

/// Bytes of one element.
size_t size_of(ElementType element);

/// One vector of a collection. The unnamed vector has the empty name.
struct VectorSpec {
  std::string name{};
  VectorKind kind = VectorKind::kDense;
  ElementType element = ElementType::kFloat32;  ///< sparse: float32
  uint32_t dim = 0;                             ///< 0 for sparse
  Distance distance = Distance::kCosine;        ///< kDot for sparse

  friend bool operator==(const VectorSpec&, const VectorSpec&) = default;
};

struct PayloadIndex {
  std::string path{};         ///< as `payload_schema` prints it
  std::string schema_json{};  ///< `"keyword"`, or an object with `type`; ready to send back

  friend bool operator==(const PayloadIndex&, const PayloadIndex&) = default;
};

/// Value type; copies are cheap enough for control flow, never made a point.
struct CollectionConfig {
  std::vector<VectorSpec> vectors{};            ///< by name; the unnamed one is first
  std::string settings_json{};                  ///< Qdrant's `config` object, canonical JSON
  std::vector<PayloadIndex> payload_indexes{};  ///< by path
  std::vector<std::string> aliases{};           ///< by name

  /// Errors: kNotFound with the names that exist.
  Result<VectorSpec> vector(std::string_view name) const;
  bool custom_sharding() const;

  friend bool operator==(const CollectionConfig&, const CollectionConfig&) = default;
};

/// Read the JSON form: `{"format":"vecferry.collection","version":1,"config":{…},
/// "payload_schema":{…},"aliases":[…]}`. `config` is what Qdrant's collection info calls so;
/// `payload_schema` values may be a type, an object with `type`, or Qdrant's info entry
/// (`{"data_type","params"?,"points"}`).
/// Errors: kCorrupt for malformed JSON, kIncompatible for a kind of vector that we cannot hold.
Result<CollectionConfig> parse_collection_config(std::string_view json);

/// The JSON form, canonical: one line, sorted keys.
std::string to_json(const CollectionConfig& config);

/// A configuration for data that came without one: Qdrant's defaults around these vectors.
CollectionConfig default_config(std::vector<VectorSpec> vectors);

/// Replace the vectors of a configuration (selected or renamed) in the fields and in the settings.
/// `origin[i]` names the vector of `config` whose settings vector i takes over; empty optional for
/// one that is new.
Result<CollectionConfig> with_vectors(const CollectionConfig& config,
                                      const std::vector<VectorSpec>& vectors,
                                      const std::vector<std::optional<std::string>>& origin);

/// Differences in words, one a line, empty when equal: for `verify`, `diff` and plans. Aliases and
/// what Qdrant fills in by itself (absent against null) are not differences.
std::vector<std::string> config_differences(const CollectionConfig& a, const CollectionConfig& b);

/// Errors: kUsage. Names: 1..255 characters without `< > : " / \ | ? * NUL 0x1F`; vector names at
/// most 200 bytes, may be empty.
Status check_collection_name(std::string_view name);
Status check_vector_name(std::string_view name);

}  // namespace vecferry
