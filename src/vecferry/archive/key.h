#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "arrow/util/secure_string.h"
#include "vecferry/base/error.h"

namespace vecferry {

enum class KeyUse { kManifest, kSegment };

/// 32 secret bytes; cleared from memory when it goes, never printed.
/// Source: docs/archive-format.md.
class ArchiveKey {
 public:
  /// 64 hex digits, or base64 of 32 bytes; white space around it does not count.
  /// Errors: kUsage, without a word of the text.
  static Result<ArchiveKey> parse(std::string_view text, const std::string& where);
  /// Errors: also those of reading the file.
  static Result<ArchiveKey> read(const std::filesystem::path& file);

  /// The key of one archive for one use.
  Result<ArchiveKey> derive(std::string_view archive_id, KeyUse use) const;

  const arrow::util::SecureString& bytes() const { return bytes_; }

 private:
  explicit ArchiveKey(arrow::util::SecureString bytes) : bytes_(std::move(bytes)) {}
  arrow::util::SecureString bytes_;
};

/// Can others than its owner read this file?
bool is_open_to_others(const std::filesystem::path& file);

}  // namespace vecferry
