#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/payload_path.h"

namespace vecferry {

/// Texts out of payloads. Thread: one caller at a time; it reuses its buffers.
class TextFinder {
 public:
  TextFinder();
  ~TextFinder();
  TextFinder(const TextFinder&) = delete;
  TextFinder& operator=(const TextFinder&) = delete;

  /// The string at a path; empty when there is none, or nothing but blanks. Valid until the next
  /// call. Errors: kCorrupt for a payload that is not JSON.
  Result<std::string_view> find(std::string_view payload, const PayloadPath& path);

  /// The top-level keys that hold a text.
  Result<std::vector<std::string>> keys_of_texts(std::string_view payload);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry
