#include <fmt/format.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "arrow/io/interfaces.h"
#include "vecferry/formats/document_stream_internal.h"

namespace vecferry::formats {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::array<std::string_view, 6> kHeadKeys = {"\"collection_name\"", "\"document_count\"",
                                                       "\"format\"",          "\"version\"",
                                                       "\"config\"",          "\"aliases\""};

std::string show(int byte) {
  return byte >= 0x20 && byte < 0x7F ? fmt::format("'{}'", static_cast<char>(byte))
                                     : fmt::format("the byte 0x{:02x}", byte);
}

}  // namespace

Result<std::unique_ptr<DocumentStream>> DocumentStream::open(const TextInput& input,
                                                             JsonForm form) {
  ARROW_ASSIGN_OR_RAISE(auto stream, input.open());
  std::unique_ptr<DocumentStream> documents(
      new DocumentStream(TextWindow(std::move(stream), input.name), form));
  auto& window = documents->window_;
  ARROW_RETURN_NOT_OK(window.more().status());
  if (window.view().starts_with(kByteOrderMark)) {
    window.consume(kByteOrderMark.size());
  }
  ARROW_ASSIGN_OR_RAISE(const int first, window.next_byte());
  if (first < 0) {
    return fail({.kind = ErrorKind::kCorrupt, .what = "the file is empty", .where = input.name});
  }
  ARROW_RETURN_NOT_OK(form == JsonForm::kPlain ? documents->open_plain() : documents->open_lines());
  return documents;
}

std::string DocumentStream::place(int64_t number) const {
  return fmt::format("{}, {} {}", window_.name(), form_ == JsonForm::kPlain ? "document" : "line",
                     number);
}

Status DocumentStream::cut_short() const {
  const auto& name = window_.name();
  const auto end = window_.offset() + static_cast<int64_t>(window_.view().size());
  std::string what = "the file ends too early";
  if (form_ == JsonForm::kPlain && documents_ > 0) {
    what += fmt::format("; document {} is the last whole one", documents_);
  }
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = fmt::format("{}, byte {}", name, end),
               .next = "get the whole file, or export the collection again"});
}

Status DocumentStream::not_json(std::string what) const {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = fmt::format("{}, byte {}", window_.name(), window_.offset())});
}

Status DocumentStream::declare(std::string_view key, std::string_view value) {
  if (key == "\"document_count\"" && value != "null") {
    uint64_t count = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
    if (error != std::errc() || end != value.data() + value.size()) {
      return not_json(fmt::format("document_count is not a number: {}", value.substr(0, 40)));
    }
    declared_ = count;
  }
  for (const auto known : kHeadKeys) {
    if (key == known) {
      head_.insert_or_assign(std::string(key.substr(1, key.size() - 2)), std::string(value));
    }
  }
  return Status::OK();
}

// One `"key": value` of the outermost object. False when the key was `documents`: its '[' is then
// consumed.
Result<bool> DocumentStream::read_member() {
  ARROW_ASSIGN_OR_RAISE(const int quote, window_.next_byte());
  if (quote < 0) {
    return cut_short();
  }
  if (quote != '"') {
    return not_json(fmt::format("expected a key in quotes, found {}", show(quote)));
  }
  ARROW_ASSIGN_OR_RAISE(const size_t key_length, window_.value_length());
  if (key_length == 0) {
    return cut_short();
  }
  const std::string key(window_.view().substr(0, key_length));
  window_.consume(key_length);
  ARROW_ASSIGN_OR_RAISE(const int colon, window_.next_byte());
  if (colon < 0) {
    return cut_short();
  }
  if (colon != ':') {
    return not_json(fmt::format("expected ':' after {}, found {}", key.substr(0, 40), show(colon)));
  }
  window_.consume(1);
  ARROW_ASSIGN_OR_RAISE(const int first, window_.next_byte());
  if (first < 0) {
    return cut_short();
  }
  if (key == "\"documents\"") {
    if (first != '[') {
      return not_json("'documents' is not a list");
    }
    window_.consume(1);
    return false;
  }
  ARROW_ASSIGN_OR_RAISE(const size_t length, window_.value_length());
  if (length == 0) {
    return cut_short();
  }
  ARROW_RETURN_NOT_OK(declare(key, window_.view().substr(0, length)));
  window_.consume(length);
  return true;
}

Status DocumentStream::open_plain() {
  ARROW_ASSIGN_OR_RAISE(const int first, window_.next_byte());
  if (first == '[') {
    window_.consume(1);
    bare_list_ = true;
    return Status::OK();
  }
  if (first != '{') {
    return not_json(fmt::format("not JSON: it starts with {}", show(first)));
  }
  window_.consume(1);
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const int next, window_.next_byte());
    if (next == '}') {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = "there is no list 'documents' in it",
                   .where = window_.name(),
                   .next = "docs/file-formats.md shows the form"});
    }
    ARROW_ASSIGN_OR_RAISE(const bool more, read_member());
    if (!more) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const int separator, window_.next_byte());
    if (separator == ',') {
      window_.consume(1);
    } else if (separator < 0) {
      return cut_short();
    } else if (separator != '}') {
      return not_json(fmt::format("expected ',' or '}}', found {}", show(separator)));
    }
  }
}

Status DocumentStream::open_lines() {
  bool terminated = false;
  ARROW_ASSIGN_OR_RAISE(const size_t length, window_.line_length(&terminated));
  const std::string_view line = window_.view().substr(0, length);
  if (line.find("\"vecferry.collection\"") == std::string_view::npos) {
    return Status::OK();
  }
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || json.value("format", nlohmann::json()) != "vecferry.collection") {
    return Status::OK();
  }
  if (const auto points = json.find("points");
      points != json.end() && points->is_number_unsigned()) {
    declared_ = points->get<uint64_t>();
  }
  head_.emplace("", line);
  window_.consume(length + (terminated ? 1 : 0));
  number_ = 1;
  return Status::OK();
}

Result<std::optional<Document>> DocumentStream::next() {
  window_.consume(std::exchange(pending_, 0));
  if (done_) {
    return std::nullopt;
  }
  return form_ == JsonForm::kPlain ? next_element() : next_line();
}

Result<std::optional<Document>> DocumentStream::next_element() {
  ARROW_ASSIGN_OR_RAISE(int first, window_.next_byte());
  if (first == ']') {
    window_.consume(1);
    ARROW_RETURN_NOT_OK(read_tail());
    done_ = true;
    return std::nullopt;
  }
  if (documents_ > 0) {
    if (first >= 0 && first != ',') {
      return not_json(
          fmt::format("expected ',' or ']' after document {}, found {}", documents_, show(first)));
    }
    window_.consume(first < 0 ? 0 : 1);
    ARROW_ASSIGN_OR_RAISE(first, window_.next_byte());
  }
  if (first < 0) {
    return cut_short();
  }
  if (first != '{') {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("it is not an object: it starts with {}", show(first)),
                 .where = place(number_ + 1)});
  }
  ARROW_ASSIGN_OR_RAISE(pending_, window_.value_length());
  if (pending_ == 0) {
    return cut_short();
  }
  ++documents_;
  return Document{.text = window_.view().substr(0, pending_), .number = ++number_};
}

// Behind the list of documents.
Status DocumentStream::read_tail() {
  while (!bare_list_) {
    ARROW_ASSIGN_OR_RAISE(const int separator, window_.next_byte());
    if (separator < 0) {
      return cut_short();
    }
    if (separator != ',' && separator != '}') {
      return not_json(
          fmt::format("expected ',' or '}}' after 'documents', found {}", show(separator)));
    }
    window_.consume(1);
    if (separator == '}') {
      break;
    }
    ARROW_ASSIGN_OR_RAISE(const bool more, read_member());
    if (!more) {
      return not_json("'documents' is there twice");
    }
  }
  ARROW_ASSIGN_OR_RAISE(const int rest, window_.next_byte());
  if (rest >= 0) {
    return not_json(fmt::format("there is more behind the end: {}", show(rest)));
  }
  return check_count();
}

Result<std::optional<Document>> DocumentStream::next_line() {
  for (;;) {
    bool terminated = false;
    ARROW_ASSIGN_OR_RAISE(const size_t length, window_.line_length(&terminated));
    const std::string_view line = window_.view().substr(0, length);
    if (line.empty() && !terminated) {
      done_ = true;
      ARROW_RETURN_NOT_OK(check_count());
      return std::nullopt;
    }
    ++number_;
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) {
      window_.consume(length + (terminated ? 1 : 0));
      continue;
    }
    pending_ = length + (terminated ? 1 : 0);
    ++documents_;
    const size_t end = line.find_last_not_of(" \t\r") + 1;
    return Document{.text = line.substr(begin, end - begin), .number = number_, .cut = !terminated};
  }
}

Status DocumentStream::check_count() const {
  if (!declared_ || *declared_ == documents_) {
    return Status::OK();
  }
  const bool plain = form_ == JsonForm::kPlain;
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("{} says {}, the file holds {}",
                                   plain ? "document_count" : "'points' in the first line",
                                   *declared_, documents_),
               .where = window_.name(),
               .next = fmt::format("the file was cut or edited; if that was meant, {}",
                                   plain ? "correct document_count" : "remove 'points'")});
}

}  // namespace vecferry::formats
