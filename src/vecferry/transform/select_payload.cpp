#include "vecferry/transform/select_payload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/payload_path.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/payload_text_internal.h"

namespace vecferry {
namespace {

// The selected paths as a tree. A key's node is found by the key as canonical text has it, so that
// keys are compared without being unescaped.
struct PathNode {
  std::map<std::string, PathNode, std::less<>> keys{};  // with quotes and escapes
  std::unique_ptr<PathNode> each{};                     // `[]`
  bool selected = false;                                // a path ends here

  const PathNode* find(std::string_view quoted_key) const {
    const auto found = keys.find(quoted_key);
    return found == keys.end() ? nullptr : &found->second;
  }
};

void add_path(const PayloadPath& path, PathNode* node) {
  for (const PathStep& step : path.steps) {
    if (step.kind == PathStep::Kind::kEach) {
      if (node->each == nullptr) {
        node->each = std::make_unique<PathNode>();
      }
      node = node->each.get();
    } else {
      std::string quoted;
      append_string(step.key, &quoted);
      node = &node->keys[quoted];
    }
  }
  node->selected = true;
}

class SelectPayload : public Transform {
 public:
  SelectPayload(std::vector<std::string> texts, const std::vector<PayloadPath>& paths, bool keep)
      : texts_(std::move(texts)), paths_(paths), keep_(keep) {
    for (const PayloadPath& path : paths_) {
      add_path(path, &root_);
    }
  }

  std::string describe() const override {
    return fmt::format("{} payload keys {}", keep_ ? "keeps only" : "drops",
                       fmt::join(texts_, ", "));
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override { return before; }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    const auto edit = [&](int64_t row, std::string_view before,
                          std::string* after) -> Result<Edit> {
      if (before.empty()) {
        return Edit::kKept;
      }
      if (!copy_selected(before, root_, after)) {
        ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
        return not_canonical(to_string(points.id(row)));
      }
      if (*after == "{}") {
        after->clear();
      }
      return *after == before ? Edit::kKept : Edit::kChanged;
    };
    return edit_payloads(batch, edit, &changed_);
  }

  std::unique_ptr<Transform> clone() const override {
    return std::make_unique<SelectPayload>(texts_, paths_, keep_);
  }

  std::map<std::string, uint64_t> counts() const override {
    return {{"payloads_selected", changed_}};
  }

 private:
  // Append what stays of a value whose path is `node`; false when the text is not JSON.
  bool copy_selected(std::string_view value, const PathNode& node, std::string* out) const {
    PartWalker parts(value);
    if (!parts.is_object() && !parts.is_array()) {
      out->append(value);
      return true;
    }
    const bool object = parts.is_object();
    *out += object ? '{' : '[';
    bool first = true;
    while (parts.next()) {
      const PathNode* child = object ? node.find(parts.key()) : node.each.get();
      const bool whole = child == nullptr || child->selected;
      if (whole && (child == nullptr) == keep_) {
        continue;  // keep: no path goes here; drop: a path ends here
      }
      if (!first) {
        *out += ',';
      }
      first = false;
      if (object) {
        out->append(parts.key());
        *out += ':';
      }
      if (whole) {
        out->append(parts.value());
      } else if (!copy_selected(parts.value(), *child, out)) {
        return false;
      }
    }
    *out += object ? '}' : ']';
    return !parts.broken();
  }

  std::vector<std::string> texts_;
  std::vector<PayloadPath> paths_;
  bool keep_;
  PathNode root_{};
  uint64_t changed_ = 0;
};

Result<std::unique_ptr<Transform>> make(const std::vector<std::string>& texts, bool keep) {
  std::vector<PayloadPath> paths;
  for (const std::string& text : texts) {
    auto path = parse_payload_path(text);
    if (!path) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("'{}' is not a payload path", text),
                   .next = "write a.b, list[].x, or \"odd key\".c with the quotes"});
    }
    const bool indexed =
        std::any_of(path->steps.begin(), path->steps.end(),
                    [](const PathStep& step) { return step.kind == PathStep::Kind::kIndex; });
    if (indexed) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("'{}' names one element of an array", text),
                   .next = "select from all elements with []"});
    }
    paths.push_back(std::move(*path));
  }
  if (paths.empty()) {
    return fail({.kind = ErrorKind::kUsage, .what = "no payload path is given"});
  }
  return std::make_unique<SelectPayload>(texts, paths, keep);
}

}  // namespace

Result<std::unique_ptr<Transform>> keep_payload(const std::vector<std::string>& paths) {
  return make(paths, true);
}

Result<std::unique_ptr<Transform>> drop_payload(const std::vector<std::string>& paths) {
  return make(paths, false);
}

}  // namespace vecferry
