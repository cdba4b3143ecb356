#include "vecferry/model/filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/table.h"
#include "vecferry/model/filter_internal.h"
#include "vecferry/model/unicode_internal.h"

namespace vecferry {
namespace filter_tree {
namespace {

constexpr std::string_view kHelp = "docs/filters.md shows both forms, JSON and short";

// Columns that a text takes on a terminal, near enough for a caret: one a code point.
size_t columns(std::string_view text) {
  size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(decode_utf8(text).length);
    ++count;
  }
  return count;
}

bool starts_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
}

}  // namespace

Status syntax_error(std::string_view text, size_t offset, std::string_view what,
                    std::string_view next) {
  // A long filter is shown around the place only, on one line.
  constexpr size_t kBefore = 50;
  constexpr size_t kAfter = 30;
  offset = std::min(offset, text.size());
  size_t begin = offset > kBefore ? offset - kBefore : 0;
  size_t end = std::min(text.size(), offset + kAfter);
  while (begin > 0 && !starts_code_point(text[begin])) {
    --begin;
  }
  while (end < text.size() && !starts_code_point(text[end])) {
    ++end;
  }
  std::string shown(text.substr(begin, end - begin));
  std::replace_if(
      shown.begin(), shown.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  const std::string_view head = begin > 0 ? "…" : "";
  const std::string_view tail = end < text.size() ? "…" : "";
  const size_t indent = columns(head) + columns(text.substr(begin, offset - begin));
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("cannot read the filter: {}\n  {}{}{}\n  {}^", what, head, shown,
                                   tail, std::string(indent, ' ')),
               .next = std::string(next.empty() ? kHelp : next)});
}

}  // namespace filter_tree

Result<std::shared_ptr<const Filter>> Filter::parse(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  std::string json;
  if (first != std::string_view::npos && text[first] == '{') {
    json = text;
  } else {
    ARROW_ASSIGN_OR_RAISE(json, filter_tree::json_of_where(text));
  }
  std::string canonical;
  auto node = std::make_unique<Node>();
  ARROW_ASSIGN_OR_RAISE(node->clause, filter_tree::parse_json(json, &canonical));
  return std::shared_ptr<const Filter>(new Filter(std::move(node), std::move(canonical)));
}

Filter::Filter(std::unique_ptr<Node> root, std::string json)
    : root_(std::move(root)), json_(std::move(json)) {}

Filter::~Filter() = default;

const std::string& Filter::json() const {
  return json_;
}

Result<bool> Filter::matches(const PointsView& points, int64_t row) const {
  return filter_tree::matches(root_->clause, points, row);
}

Result<std::shared_ptr<arrow::RecordBatch>> keep_matching(
    const std::shared_ptr<arrow::RecordBatch>& batch, const Filter& filter) {
  ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
  // Matching rows often come in runs: copy run by run.
  arrow::RecordBatchVector runs;
  int64_t begin = 0;  // of the run that is open
  for (int64_t row = 0; row <= points.rows(); ++row) {
    bool match = false;
    if (row < points.rows()) {
      ARROW_ASSIGN_OR_RAISE(match, filter.matches(points, row));
    }
    if (match) {
      continue;
    }
    if (row > begin) {
      runs.push_back(batch->Slice(begin, row - begin));
    }
    begin = row + 1;
  }
  if (runs.empty()) {
    return batch->Slice(0, 0);
  }
  if (runs.size() == 1) {
    return runs.front()->num_rows() == batch->num_rows() ? batch : runs.front();
  }
  return arrow::ConcatenateRecordBatches(runs);
}

}  // namespace vecferry
