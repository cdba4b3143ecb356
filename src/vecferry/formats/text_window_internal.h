#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

namespace arrow::io {
class InputStream;
}

namespace vecferry::formats {

/// The part of a text stream that is being looked at. It grows to the size of one value and slides;
/// memory does not depend on the length of the stream.
/// Lifetime: views into the window hold until the next call that is not const.
class TextWindow {
 public:
  TextWindow(std::shared_ptr<arrow::io::InputStream> stream, std::string name);

  /// Readable bytes behind every view, as simdjson wants them.
  static constexpr size_t kPadding = 64;

  const std::string& name() const { return name_; }
  /// What is loaded and not yet consumed.
  std::string_view view() const { return {buffer_.data() + begin_, end_ - begin_}; }
  /// Bytes of the stream before the view.
  int64_t offset() const { return base_ + static_cast<int64_t>(begin_); }
  void consume(size_t bytes) { begin_ += bytes; }

  /// Load more behind the view; false at the end of the stream.
  /// Errors: kCorrupt when one value is too large to hold, or the compressed text is damaged.
  Result<bool> more();

  /// Consume blanks; the next byte, or -1 at the end.
  Result<int> next_byte();

  /// Length of the JSON value at the front, which is loaded then; 0 when the stream ends inside it.
  /// Looks at brackets, braces and quotes only: what is inside is for a parser to judge.
  Result<size_t> value_length();

  /// Length of the line at the front without its newline; `*terminated` says whether it has one.
  Result<size_t> line_length(bool* terminated);

 private:
  Result<size_t> nested_length(char open, char close);
  Result<size_t> string_length();
  Result<size_t> scalar_length();

  std::shared_ptr<arrow::io::InputStream> stream_;
  std::string name_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  int64_t base_ = 0;  // stream offset of buffer_[0]
};

}  // namespace vecferry::formats
