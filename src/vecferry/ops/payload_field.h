#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "vecferry/base/error.h"

namespace vecferry {

/// A value in a payload that is neither null, an object nor an array.
/// Lifetime: text lives until the next call of the field that gave it.
using FieldValue = std::variant<bool, int64_t, uint64_t, double, std::string_view>;

/// Text of a value as payloads have it, a string without its quotes: "5", "true", "libs".
std::string to_string(const FieldValue& value);

/// What stands under one path of payloads, row after row. Arrays at the end of the path give each
/// of their elements; null and what is not there give nothing.
/// Thread: one caller at a time; keep one a thread to reuse its buffers.
class PayloadField {
 public:
  /// Errors: kUsage when the text is not a path.
  static Result<PayloadField> make(std::string_view path);
  ~PayloadField();
  PayloadField(PayloadField&&) noexcept;
  PayloadField& operator=(PayloadField&&) noexcept;

  /// How many values there are; `visit` sees each until it returns an error.
  /// Errors: kCorrupt for a payload that is not JSON, kIncompatible for an object at the end of the
  /// path; those of `visit`.
  Result<int> values(std::string_view payload,
                     const std::function<Status(const FieldValue&)>& visit);

 private:
  class Impl;
  explicit PayloadField(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry
