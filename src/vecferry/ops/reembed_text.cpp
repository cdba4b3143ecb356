#include <simdjson.h>

#include "vecferry/ops/reembed_text_internal.h"

namespace vecferry {
namespace {

namespace dom = simdjson::dom;

// A text that says nothing has no vector either; servers refuse it.
std::string_view unless_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos ? std::string_view() : text;
}

simdjson::simdjson_result<dom::element> step_into(const dom::element& at, const PathStep& step) {
  switch (step.kind) {
    case PathStep::Kind::kKey:
      return at[step.key];
    case PathStep::Kind::kIndex:
      return at.at(step.index);
    case PathStep::Kind::kEach:
      break;
  }
  return simdjson::INCORRECT_TYPE;
}

}  // namespace

class TextFinder::Impl {
 public:
  Status parse(std::string_view payload, dom::element* root) {
    if (parser_.parse(payload.data(), payload.size()).get(*root) != simdjson::SUCCESS) {
      return fail({.kind = ErrorKind::kCorrupt, .what = "a payload is not JSON"});
    }
    return Status::OK();
  }

 private:
  dom::parser parser_;
};

TextFinder::TextFinder() : impl_(std::make_unique<Impl>()) {}
TextFinder::~TextFinder() = default;

Result<std::string_view> TextFinder::find(std::string_view payload, const PayloadPath& path) {
  if (payload.empty()) {
    return std::string_view();
  }
  dom::element at;
  ARROW_RETURN_NOT_OK(impl_->parse(payload, &at));
  for (const auto& step : path.steps) {
    dom::element next;
    if (step_into(at, step).get(next) != simdjson::SUCCESS) {
      return std::string_view();
    }
    at = next;
  }
  std::string_view text;
  return at.get_string().get(text) == simdjson::SUCCESS ? unless_blank(text) : std::string_view();
}

Result<std::vector<std::string>> TextFinder::keys_of_texts(std::string_view payload) {
  std::vector<std::string> keys;
  if (payload.empty()) {
    return keys;
  }
  dom::element root;
  ARROW_RETURN_NOT_OK(impl_->parse(payload, &root));
  dom::object object;
  if (root.get_object().get(object) == simdjson::SUCCESS) {
    for (const auto& [key, value] : object) {
      if (value.is_string()) {
        keys.emplace_back(key);
      }
    }
  }
  return keys;
}

}  // namespace vecferry
