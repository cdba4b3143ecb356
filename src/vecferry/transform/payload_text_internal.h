#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"

/// Canonical payload text, walked without parsing what a transform does not ask about. Every step
/// is checked, so that text which is not JSON ends in an error and not outside its bytes.
namespace vecferry {

/// Past the value (an object, array, string, number or word) that starts at `at`; npos when the
/// text is not JSON there.
size_t end_of_value(std::string_view json, size_t at);

/// Past the string that starts at `at`, which is its quote; npos when it does not end.
size_t end_of_string(std::string_view json, size_t at);

/// The parts of an object, or of an array (where `key` is empty), one by one.
class PartWalker {
 public:
  /// `json` is one whole value; of a scalar there is nothing to walk.
  explicit PartWalker(std::string_view json);

  bool is_object() const { return open_ == '{'; }
  bool is_array() const { return open_ == '['; }

  /// The next part; false at the end, and when the text is not JSON: then `broken()`.
  bool next();
  bool broken() const { return broken_; }

  std::string_view key() const { return key_; }      ///< with quotes and escapes, as it stands
  std::string_view value() const { return value_; }  ///< as it stands

 private:
  bool fail_here();

  std::string_view json_;
  size_t at_ = 0;
  char open_ = 0;
  bool broken_ = false;
  std::string_view key_{};
  std::string_view value_{};
};

/// A key or string as it stands (with quotes) without quotes and escapes. `buffer` holds it when it
/// has escapes.
std::string_view unescaped(std::string_view quoted, std::string* buffer);

/// Append a string in canonical form, with quotes.
void append_string(std::string_view text, std::string* out);

/// Add a member to an object where it belongs in the order of keys. An object that has the key
/// already is left alone: `*there` is its value as it stands, and nothing is appended to `*out`.
enum class Added { kAdded, kThere, kBroken };
Added add_member(std::string_view object, std::string_view key, std::string_view value_json,
                 std::string* out, std::string_view* there);

Status not_canonical(std::string_view point);

/// What a payload edit made of one row.
enum class Edit { kKept, kChanged };

/// Edits one payload: `before` is never empty for a point that has one; what it appends to `*after`
/// (empty: none) counts only with kChanged. `row` is for messages.
using PayloadEdit =
    std::function<Result<Edit>(int64_t row, std::string_view before, std::string* after)>;

/// Apply an edit to every row; a batch in which nothing changed is returned as it is.
/// `*changed` grows by the rows that did.
Result<std::shared_ptr<arrow::RecordBatch>> edit_payloads(
    const std::shared_ptr<arrow::RecordBatch>& batch, const PayloadEdit& edit, uint64_t* changed);

}  // namespace vecferry
