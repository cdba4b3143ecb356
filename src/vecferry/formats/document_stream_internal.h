#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"
#include "vecferry/formats/json_form.h"
#include "vecferry/formats/text_input.h"
#include "vecferry/formats/text_window_internal.h"

namespace vecferry::formats {

/// One document of a file, as text that nobody has parsed yet.
struct Document {
  std::string_view text{};  ///< followed by TextWindow::kPadding readable bytes
  int64_t number = 0;       ///< from 1: the document's in the plain form, the line's in JSON Lines
  bool cut = false;         ///< the file ends behind it without a newline
};

/// Splits a text file into its documents, with what stands around them.
/// Thread: one caller at a time.
class DocumentStream {
 public:
  /// Read up to the first document.
  /// Errors: kCorrupt with the byte: empty, not JSON, without documents.
  static Result<std::unique_ptr<DocumentStream>> open(const TextInput& input, JsonForm form);

  /// The next one; none at the end, after what stands behind the last was checked.
  /// Errors: kCorrupt: cut short, not a list of objects, another number of documents than declared.
  Result<std::optional<Document>> next();

  /// JSON text of what stands before the documents: `collection_name`, `document_count`, `format`,
  /// `version`, `config`, `aliases`; of JSON Lines the whole first line under the empty key.
  const std::map<std::string, std::string, std::less<>>& head() const { return head_; }
  /// The number of documents that the file declares, as far as it was read.
  std::optional<uint64_t> declared() const { return declared_; }

  /// "FILE, document 7" or "FILE, line 8".
  std::string place(int64_t number) const;

 private:
  DocumentStream(TextWindow window, JsonForm form) : window_(std::move(window)), form_(form) {}

  Status open_plain();
  Status open_lines();
  Result<bool> read_member();
  Status read_tail();
  Status declare(std::string_view key, std::string_view value);
  Result<std::optional<Document>> next_element();
  Result<std::optional<Document>> next_line();
  Status check_count() const;
  Status cut_short() const;
  Status not_json(std::string what) const;

  TextWindow window_;
  JsonForm form_;
  std::map<std::string, std::string, std::less<>> head_{};
  std::optional<uint64_t> declared_{};
  int64_t number_ = 0;  // of the last document or line handed out
  uint64_t documents_ = 0;
  size_t pending_ = 0;  // bytes of it, consumed by the next call
  bool bare_list_ = false;
  bool done_ = false;
};

}  // namespace vecferry::formats
