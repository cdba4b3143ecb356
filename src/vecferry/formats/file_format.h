#pragma once

#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// Which form a file has, by its name or by its first bytes.
/// Source: docs/file-formats.md.
namespace vecferry {

enum class FileForm { kPlainJson, kJsonLines, kParquet, kSnapshot };
enum class FileCompression { kNone, kZstd, kGzip };

struct FileFormat {
  FileForm form = FileForm::kPlainJson;
  FileCompression compression = FileCompression::kNone;

  friend bool operator==(const FileFormat&, const FileFormat&) = default;
};

/// The extension of a format: "json.zst".
std::string to_string(const FileFormat& format);

/// By extension (".json", ".jsonl.zst", …; upper case too), which stands at the end of a path or
/// alone, with or without its dot.
/// Errors: kUsage with the extensions that there are.
Result<FileFormat> parse_file_format(std::string_view path);

/// By the first bytes of a file, at least 64 KiB of them or all; compressed bytes are taken for
/// JSON Lines.
FileFormat guess_file_format(std::string_view first_bytes);

/// A file's name without folder and extension: "a/docs.json.zst" gives "docs".
std::string stem_of(std::string_view path);

}  // namespace vecferry
