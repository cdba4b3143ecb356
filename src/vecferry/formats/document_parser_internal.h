#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/config.h"
#include "vecferry/model/point_id.h"

namespace vecferry::formats {

/// One vector of a document: where its numbers lie in the document's buffers.
struct ParsedVector {
  std::string name{};
  VectorKind kind = VectorKind::kDense;
  uint32_t dim = 0;  ///< of each inner vector; 0 for sparse
  size_t begin = 0;  ///< in `values`
  size_t end = 0;
  size_t index_begin = 0;  ///< in `indices`; sparse only, as many as values
};

/// What a document says. Reused from one to the next, so that none allocates.
struct ParsedDocument {
  PointId id{};
  bool has_shard_key = false;
  std::string shard_key{};
  std::string payload{};  ///< canonical
  std::vector<ParsedVector> vectors{};
  size_t vector_count = 0;  ///< how many of `vectors` are this document's
  std::vector<float> values{};
  std::vector<uint32_t> indices{};

  std::span<const ParsedVector> present() const { return {vectors.data(), vector_count}; }
  std::span<const float> values_of(const ParsedVector& vector) const {
    return {values.data() + vector.begin, vector.end - vector.begin};
  }
  std::span<const uint32_t> indices_of(const ParsedVector& vector) const {
    return {indices.data() + vector.index_begin, vector.end - vector.begin};
  }
};

struct DocumentOptions {
  std::string original_id_key = "original_id";
  bool payload = true;                                     ///< false: left out, and not looked at
  bool vectors = true;                                     ///< false: left out, and not looked at
  std::optional<std::vector<std::string>> vector_names{};  ///< only these, by name
};

/// A point's id from the text of an id; `*renamed` when the text is neither a number nor a UUID and
/// the id is made from it.
PointId id_of_text(std::string_view text, bool* renamed);

/// Reads documents of the plain form and lines of JSON Lines, which are one grammar.
/// Source: docs/file-formats.md, "A document".
/// Thread: one caller at a time.
class DocumentParser {
 public:
  explicit DocumentParser(DocumentOptions options);
  ~DocumentParser();
  DocumentParser(DocumentParser&&) noexcept;

  /// `text` has TextWindow::kPadding readable bytes behind it.
  /// Errors: kCorrupt with the field in `where`.
  Status parse(std::string_view text, ParsedDocument* out);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry::formats
