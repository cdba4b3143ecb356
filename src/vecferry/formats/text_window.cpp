#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "arrow/io/interfaces.h"
#include "vecferry/formats/text_input.h"
#include "vecferry/formats/text_window_internal.h"

namespace vecferry::formats {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;
constexpr size_t kMaxValueBytes = size_t{256} << 20;

// First of three bytes, or `end`. Blocks are tested whole, in a form that compilers turn into
// vector instructions: in a list of numbers, which is most of a file, there is none for kilobytes.
const char* find_any(const char* p, const char* end, char a, char b, char c) {
  constexpr std::ptrdiff_t kBlock = 64;
  while (end - p >= kBlock) {
    uint8_t hit = 0;
    for (std::ptrdiff_t i = 0; i < kBlock; ++i) {
      hit |= static_cast<uint8_t>((p[i] == a ? 1 : 0) | (p[i] == b ? 1 : 0) | (p[i] == c ? 1 : 0));
    }
    if (hit != 0) {
      break;
    }
    p += kBlock;
  }
  while (p != end && *p != a && *p != b && *p != c) {
    ++p;
  }
  return p;
}

}  // namespace

TextWindow::TextWindow(std::shared_ptr<arrow::io::InputStream> stream, std::string name)
    : stream_(std::move(stream)), name_(std::move(name)) {}

Result<bool> TextWindow::more() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    base_ += static_cast<int64_t>(begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ > kMaxValueBytes) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("one value is larger than {} MiB", kMaxValueBytes >> 20U),
                 .where = fmt::format("{}, byte {}", name_, offset())});
  }
  if (buffer_.size() < end_ + kBlockBytes + kPadding) {
    buffer_.resize(std::max(buffer_.size() * 2, end_ + kBlockBytes + kPadding));
  }
  const auto read = stream_->Read(static_cast<int64_t>(kBlockBytes), buffer_.data() + end_);
  if (!read.ok()) {
    return read_failure(read.status(), name_);
  }
  end_ += static_cast<size_t>(*read);
  return *read > 0;
}

Result<int> TextWindow::next_byte() {
  for (;;) {
    const std::string_view text = view();
    const size_t found = text.find_first_not_of(" \t\r\n");
    if (found != std::string_view::npos) {
      consume(found);
      return static_cast<unsigned char>(text[found]);
    }
    consume(text.size());
    ARROW_ASSIGN_OR_RAISE(const bool loaded, more());
    if (!loaded) {
      return -1;
    }
  }
}

Result<size_t> TextWindow::value_length() {
  if (view().empty()) {
    ARROW_ASSIGN_OR_RAISE(const bool loaded, more());
    if (!loaded) {
      return 0;
    }
  }
  switch (view().front()) {
    case '{':
      return nested_length('{', '}');
    case '[':
      return nested_length('[', ']');
    case '"':
      return string_length();
    default:
      return scalar_length();
  }
}

Result<size_t> TextWindow::nested_length(char open, char close) {
  size_t position = 0;
  int64_t depth = 0;
  bool in_string = false;
  for (;;) {
    const char* const begin = buffer_.data() + begin_;
    const char* const end = buffer_.data() + end_;
    const char* p = begin + std::min(position, static_cast<size_t>(end - begin));
    while (p != end) {
      if (in_string) {
        p = find_any(p, end, '"', '\\', '\\');
        if (p == end) {
          break;
        }
        if (*p == '\\') {
          p += 2;  // may step over the end; the rest of the escape is then not loaded yet
          if (p > end) {
            break;
          }
        } else {
          in_string = false;
          ++p;
        }
        continue;
      }
      p = find_any(p, end, '"', open, close);
      if (p == end) {
        break;
      }
      const char c = *p++;
      if (c == '"') {
        in_string = true;
      } else if (c == open) {
        ++depth;
      } else if (--depth == 0) {
        return static_cast<size_t>(p - begin);
      }
    }
    position = static_cast<size_t>(p - begin);
    ARROW_ASSIGN_OR_RAISE(const bool loaded, more());
    if (!loaded) {
      return 0;
    }
  }
}

Result<size_t> TextWindow::string_length() {
  size_t position = 1;
  for (;;) {
    const std::string_view text = view();
    while (position < text.size()) {
      if (text[position] == '"') {
        return position + 1;
      }
      position += text[position] == '\\' ? 2 : 1;
    }
    ARROW_ASSIGN_OR_RAISE(const bool loaded, more());
    if (!loaded) {
      return 0;
    }
  }
}

Result<size_t> TextWindow::scalar_length() {
  for (;;) {
    const size_t found = view().find_first_of(",]} \t\r\n");
    if (found != std::string_view::npos) {
      return std::max<size_t>(found, 1);  // a stray bracket is one byte of nonsense
    }
    ARROW_ASSIGN_OR_RAISE(const bool loaded, more());
    if (!loaded) {
      return view().size();
    }
  }
}

Result<size_t> TextWindow::line_length(bool* terminated) {
  size_t position = 0;
  for (;;) {
    const std::string_view text = view();
    const size_t found = text.find('\n', position);
    if (found != std::string_view::npos) {
      *terminated = true;
      return found;
    }
    position = text.size();
    ARROW_ASSIGN_OR_RAISE(const bool loaded, more());
    if (!loaded) {
      *terminated = false;
      return view().size();
    }
  }
}

}  // namespace vecferry::formats
