#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/formats/document_parser_internal.h"
#include "vecferry/formats/number_lists_internal.h"

/// The vectors of a document.
namespace vecferry::formats {

inline Status bad(std::string what, std::string_view field) {
  return fail({.kind = ErrorKind::kCorrupt, .what = std::move(what), .where = std::string(field)});
}

inline Status bad_json(simdjson::error_code code) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("not valid JSON: {}", simdjson::error_message(code))});
}

inline std::string_view trim_end(std::string_view token) {
  return token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
}

/// Reads the member `vector` of documents.
/// Thread: one caller at a time.
class DocumentVectors {
 public:
  /// Only the vectors with these names, all when there are none.
  explicit DocumentVectors(std::optional<std::vector<std::string>> names)
      : names_(std::move(names)) {}

  /// Append to `*out`; `key` is the member's, for errors, and `end` the end of the document's text.
  Status read(simdjson::ondemand::value value, std::string_view key, const char* end,
              ParsedDocument* out);

 private:
  bool wanted(std::string_view name) const;
  Status read_named(simdjson::ondemand::value value, std::string_view name);
  Status read_list(const char* begin, std::string_view name);
  Status read_sparse(simdjson::ondemand::value value, std::string_view name);
  Status read_indices(simdjson::ondemand::value value);
  Status read_numbers(const char* begin);
  ParsedVector& add_vector(std::string_view name, VectorKind kind);

  std::optional<std::vector<std::string>> names_;
  ParsedDocument* out_ = nullptr;
  const char* end_ = nullptr;
  NumberLists lists_;
};

}  // namespace vecferry::formats
