#pragma once

#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// The top-level members of canonical payloads: taken apart and put together without parsing the
/// values. Input must be canonical (model/canonical_payload.h); the empty text is `{}`.
namespace vecferry::formats {

struct Member {
  std::string_view key;    ///< with its quotes, as it stands
  std::string_view value;  ///< as it stands
};

class MemberScanner {
 public:
  explicit MemberScanner(std::string_view object);
  /// False at the end.
  bool next(Member* member);

 private:
  std::string_view rest_;
};

/// Order of two quoted keys by the bytes that they stand for.
int compare_keys(std::string_view a, std::string_view b);

/// Append the object that has the members of both; equal members are one.
/// Errors: kCorrupt naming a key that has two values.
Status merge_objects(std::string_view a, std::string_view b, std::string* out);

}  // namespace vecferry::formats
