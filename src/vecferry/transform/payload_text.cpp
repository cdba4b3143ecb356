#include <array>
#include <cstring>
#include <vector>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/columns_internal.h"
#include "vecferry/transform/payload_text_internal.h"

namespace vecferry {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool ends_scalar(char c) {
  return c == ',' || c == '}' || c == ']' || c == ':' || c == '"';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

size_t end_of_string(std::string_view json, size_t at) {
  for (size_t i = at + 1; i < json.size(); ++i) {
    if (json[i] == '\\') {
      ++i;
    } else if (json[i] == '"') {
      return i + 1;
    }
  }
  return kNone;
}

size_t end_of_value(std::string_view json, size_t at) {
  if (at >= json.size()) {
    return kNone;
  }
  if (json[at] == '"') {
    return end_of_string(json, at);
  }
  if (json[at] != '{' && json[at] != '[') {
    size_t end = at;
    while (end < json.size() && !ends_scalar(json[end])) {
      ++end;
    }
    return end == at ? kNone : end;
  }
  // Brackets only have to balance: which closes which was checked when the text was made canonical.
  size_t depth = 0;
  for (size_t i = at; i < json.size();) {
    const char c = json[i];
    if (c == '"') {
      i = end_of_string(json, i);
      if (i == kNone) {
        return kNone;
      }
      continue;
    }
    if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
    ++i;
  }
  return kNone;
}

PartWalker::PartWalker(std::string_view json) : json_(json) {
  if (!json.empty() && (json.front() == '{' || json.front() == '[')) {
    open_ = json.front();
  }
}

bool PartWalker::fail_here() {
  broken_ = true;
  return false;
}

bool PartWalker::next() {
  if (open_ == 0 || broken_) {
    return false;
  }
  const char close = open_ == '{' ? '}' : ']';
  ++at_;  // past the bracket or the comma
  if (at_ >= json_.size()) {
    return fail_here();
  }
  if (json_[at_] == close && at_ == 1) {
    return at_ + 1 == json_.size() ? false : fail_here();
  }
  if (open_ == '{') {
    const size_t end = json_[at_] == '"' ? end_of_string(json_, at_) : kNone;
    if (end == kNone || end >= json_.size() || json_[end] != ':') {
      return fail_here();
    }
    key_ = json_.substr(at_, end - at_);
    at_ = end + 1;
  }
  const size_t end = end_of_value(json_, at_);
  if (end == kNone || end >= json_.size()) {
    return fail_here();
  }
  value_ = json_.substr(at_, end - at_);
  at_ = end;
  if (json_[at_] == close) {
    if (at_ + 1 != json_.size()) {
      return fail_here();
    }
    open_ = 0;  // this was the last one
  } else if (json_[at_] != ',') {
    return fail_here();
  }
  return true;
}

std::string_view unescaped(std::string_view quoted, std::string* buffer) {
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (inner.find('\\') == kNone) {
    return inner;
  }
  buffer->clear();
  for (size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] != '\\' || i + 1 >= inner.size()) {
      *buffer += inner[i];
      continue;
    }
    switch (inner[++i]) {
      case 'b':
        *buffer += '\b';
        break;
      case 'f':
        *buffer += '\f';
        break;
      case 'n':
        *buffer += '\n';
        break;
      case 'r':
        *buffer += '\r';
        break;
      case 't':
        *buffer += '\t';
        break;
      case 'u': {
        // In canonical text only control characters, as \u00xx.
        if (i + 4 >= inner.size()) {
          break;
        }
        const int high = hex_digit(inner[i + 3]);
        const int low = hex_digit(inner[i + 4]);
        *buffer += static_cast<char>(high * 16 + low);
        i += 4;
        break;
      }
      default:
        *buffer += inner[i];
    }
  }
  return *buffer;
}

void append_string(std::string_view text, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  *out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\b':
        *out += "\\b";
        break;
      case '\f':
        *out += "\\f";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          *out += "\\u00";
          *out += kDigits[static_cast<unsigned char>(c) >> 4U];
          *out += kDigits[static_cast<unsigned char>(c) & 0xFU];
        } else {
          *out += c;
        }
    }
  }
  *out += '"';
}

Added add_member(std::string_view object, std::string_view key, std::string_view value_json,
                 std::string* out, std::string_view* there) {
  PartWalker parts(object);
  if (!parts.is_object()) {
    return Added::kBroken;
  }
  std::string buffer;
  size_t place = object.size() - 1;  // where the member goes: before the first greater key
  bool found = false;
  bool first = true;
  while (parts.next()) {
    const std::string_view other = unescaped(parts.key(), &buffer);
    if (other == key) {
      *there = parts.value();
      return Added::kThere;
    }
    if (!found && other > key) {
      found = true;
      place = static_cast<size_t>(parts.key().data() - object.data());
    }
    first = false;
  }
  if (parts.broken()) {
    return Added::kBroken;
  }
  out->append(object.substr(0, place));
  if (!first && !found) {
    *out += ',';
  }
  append_string(key, out);
  *out += ':';
  out->append(value_json);
  if (found) {
    *out += ',';
  }
  out->append(object.substr(place));
  return Added::kAdded;
}

Status not_canonical(std::string_view point) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = "a payload is not canonical JSON",
               .where = "point " + std::string(point)});
}

Result<std::shared_ptr<arrow::RecordBatch>> edit_payloads(
    const std::shared_ptr<arrow::RecordBatch>& batch, const PayloadEdit& edit, uint64_t* changed) {
  const int column = batch->schema()->GetFieldIndex("payload");
  if (column < 0) {
    return batch;
  }
  ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
  arrow::LargeStringBuilder builder;
  std::string after;
  bool copying = false;
  // Rows before the first change are copied only when there is one.
  const auto copy_from_start = [&](int64_t end) -> Status {
    ARROW_RETURN_NOT_OK(builder.Reserve(points.rows()));
    for (int64_t row = 0; row < end; ++row) {
      const std::string_view text = points.payload(row);
      ARROW_RETURN_NOT_OK(text.empty() ? builder.AppendNull() : builder.Append(text));
    }
    return Status::OK();
  };
  for (int64_t row = 0; row < points.rows(); ++row) {
    const std::string_view before = points.payload(row);
    after.clear();
    ARROW_ASSIGN_OR_RAISE(const Edit made, edit(row, before, &after));
    if (made == Edit::kChanged) {
      ++*changed;
      if (!copying) {
        copying = true;
        ARROW_RETURN_NOT_OK(copy_from_start(row));
      }
    }
    if (copying) {
      const std::string_view text = made == Edit::kChanged ? std::string_view(after) : before;
      ARROW_RETURN_NOT_OK(text.empty() ? builder.AppendNull() : builder.Append(text));
    }
  }
  if (!copying) {
    return batch;
  }
  ARROW_ASSIGN_OR_RAISE(auto payloads, builder.Finish());
  return with_column(*batch, column, std::move(payloads));
}

}  // namespace vecferry
