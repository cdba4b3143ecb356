#include "vecferry/ops/payload_field.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <utility>

#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/payload_path.h"

namespace vecferry {
namespace {

namespace dom = simdjson::dom;
using Visit = std::function<Status(const FieldValue&)>;

Result<FieldValue> scalar_of(const dom::element& value) {
  switch (value.type()) {
    case dom::element_type::BOOL:
      return FieldValue(value.get_bool().value_unsafe());
    case dom::element_type::INT64:
      return FieldValue(value.get_int64().value_unsafe());
    case dom::element_type::UINT64:
      return FieldValue(value.get_uint64().value_unsafe());
    case dom::element_type::DOUBLE:
      return FieldValue(value.get_double().value_unsafe());
    case dom::element_type::STRING:
      return FieldValue(value.get_string().value_unsafe());
    default:
      return fail({.kind = ErrorKind::kIncompatible, .what = "there is an object, and no value"});
  }
}

}  // namespace

class PayloadField::Impl {
 public:
  Impl(PayloadPath path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

  Result<int> values(std::string_view payload, const Visit& visit) {
    if (payload.empty()) {
      return 0;
    }
    dom::element root;
    if (parser_.parse(payload.data(), payload.size()).get(root) != simdjson::SUCCESS) {
      return fail({.kind = ErrorKind::kCorrupt, .what = "a payload is not JSON"});
    }
    int count = 0;
    ARROW_RETURN_NOT_OK(widen(walk(root, 0, visit, &count), fmt::format("payload '{}'", text_)));
    return count;
  }

 private:
  // NOLINTNEXTLINE(misc-no-recursion): as deep as the path, which a person typed
  Status walk(const dom::element& value, size_t step, const Visit& visit, int* count) {
    if (step == path_.steps.size()) {
      return give(value, visit, count);
    }
    const PathStep& next = path_.steps[step];
    if (next.kind == PathStep::Kind::kKey) {
      dom::object object;
      dom::element member;
      const bool there = value.get_object().get(object) == simdjson::SUCCESS &&
                         object.at_key(next.key).get(member) == simdjson::SUCCESS;
      return there ? walk(member, step + 1, visit, count) : Status::OK();
    }
    dom::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) {
      return Status::OK();
    }
    uint64_t index = 0;
    for (const dom::element item : array) {
      if (next.kind == PathStep::Kind::kEach || index == next.index) {
        ARROW_RETURN_NOT_OK(walk(item, step + 1, visit, count));
      }
      ++index;
    }
    return Status::OK();
  }

  static Status give(const dom::element& value, const Visit& visit, int* count) {
    dom::array array;
    if (value.get_array().get(array) == simdjson::SUCCESS) {
      for (const dom::element item : array) {
        ARROW_RETURN_NOT_OK(give_one(item, visit, count));
      }
      return Status::OK();
    }
    return give_one(value, visit, count);
  }

  static Status give_one(const dom::element& value, const Visit& visit, int* count) {
    if (value.is_null()) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const FieldValue scalar, scalar_of(value));
    ++*count;
    return visit(scalar);
  }

  PayloadPath path_;
  std::string text_;
  dom::parser parser_{};
};

std::string to_string(const FieldValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    return *flag ? "true" : "false";
  }
  if (const auto* number = std::get_if<double>(&value)) {
    std::string text;
    append_float(*number, &text);
    return text;
  }
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    return std::string(*text);
  }
  const auto* integer = std::get_if<int64_t>(&value);
  return integer != nullptr ? std::to_string(*integer) : std::to_string(std::get<uint64_t>(value));
}

PayloadField::PayloadField(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PayloadField::~PayloadField() = default;
PayloadField::PayloadField(PayloadField&&) noexcept = default;
PayloadField& PayloadField::operator=(PayloadField&&) noexcept = default;

Result<PayloadField> PayloadField::make(std::string_view path) {
  auto parsed = parse_payload_path(path);
  if (!parsed) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is no place in a payload", path),
                 .next = "write it like section, meta.lang or tags[]; odd keys in double quotes"});
  }
  return PayloadField(std::make_unique<Impl>(*std::move(parsed), std::string(path)));
}

Result<int> PayloadField::values(std::string_view payload, const Visit& visit) {
  return impl_->values(payload, visit);
}

}  // namespace vecferry
