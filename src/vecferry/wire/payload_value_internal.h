#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/base/error.h"

/// Payloads between canonical JSON text and the `map<string, Value>` of Qdrant's gRPC.
namespace vecferry::wire {

/// One entry of a map field, still encoded.
struct ValueEntry {
  std::string_view key{};
  std::string_view value{};  ///< a `Value` message
};

/// Key and value of one map entry message.
/// Errors: kCorrupt.
Result<ValueEntry> read_entry(std::string_view message);

/// Writes canonical JSON from encoded values. Keeps its buffers; one a thread.
class PayloadReader {
 public:
  /// Append the object of these entries to `*out`; they are put in order on the way. Nothing is
  /// appended for no entries.
  /// Errors: kCorrupt: not a message, not UTF-8, a float that is not finite, nested too deep.
  Status append(std::vector<ValueEntry>* entries, std::string* out);
  /// The same for one value.
  Status append_value(std::string_view message, std::string* out);

  /// Whether one of the floats since `reset_doubt` is whole and from 2^63 to 2^64: it may have been
  /// an integer, which gRPC cannot carry.
  bool doubtful() const { return doubtful_; }
  void reset_doubt() { doubtful_ = false; }

 private:
  Status value(std::string_view message, int depth, std::string* out);
  Status object(std::string_view message, int depth, std::string* out);
  Status list(std::string_view message, int depth, std::string* out);
  Status members(size_t first, int depth, std::string* out);

  std::vector<ValueEntry> stack_{};  // members of the objects that are open
  bool doubtful_ = false;
};

/// What to do with an integer above 2^63-1, which `Value` has no field for.
enum class BigIntegers {
  kRefuse,    ///< a client: the point has to travel over REST
  kAsDouble,  ///< a server: what Qdrant does
};

/// Append the entries of one canonical payload as the map field `field` of a message.
/// Returns false when the payload has an integer that gRPC cannot carry and `big` says kRefuse;
/// what was appended is then of no use. Errors: kCorrupt when the text is not canonical JSON;
/// kIncompatible when it is nested deeper than a server can read again.
Result<bool> append_payload_field(std::string_view canonical_json, uint32_t field, BigIntegers big,
                                  std::string* out);

/// A JSON string literal, with the fewest escapes. `text` is UTF-8.
void append_json_string(std::string_view text, std::string* out);

}  // namespace vecferry::wire
