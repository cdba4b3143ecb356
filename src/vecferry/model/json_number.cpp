#include "vecferry/model/json_number.h"

#include <charconv>
#include <cmath>

namespace vecferry {
namespace {

// Longest text of a float32 is "-1.17549435e-38"; a whole one gets ".0" behind it.
constexpr size_t kMaxFloatText = 24;

char* print_float32(float value, char* out) {
  char* const end = std::to_chars(out, out + kMaxFloatText, value).ptr;
  for (const char* c = out; c != end; ++c) {
    if (*c == '.' || *c == 'e') {
      return end;
    }
  }
  end[0] = '.';
  end[1] = '0';
  return end + 2;
}

}  // namespace

void append_float32(float value, std::string* out) {
  if (!std::isfinite(value)) {
    out->append("null");
    return;
  }
  char text[kMaxFloatText];
  out->append(text, static_cast<size_t>(print_float32(value, text) - text));
}

size_t append_float32_list(const float* values, size_t count, std::string* out) {
  const size_t before = out->size();
  out->resize(before + count * (kMaxFloatText + 1) + 2);
  char* const begin = out->data();
  char* p = begin + before;
  *p++ = '[';
  size_t i = 0;
  for (; i < count; ++i) {
    if (!std::isfinite(values[i])) {
      break;
    }
    if (i != 0) {
      *p++ = ',';
    }
    p = print_float32(values[i], p);
  }
  *p++ = ']';
  out->resize(static_cast<size_t>(p - begin));
  return i;
}

}  // namespace vecferry
