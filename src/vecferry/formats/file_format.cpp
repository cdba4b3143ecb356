#include "vecferry/formats/file_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace vecferry {
namespace {

struct Extension {
  std::string_view text;
  FileFormat format;
};

// Longest first, so that ".json.zst" is found before ".zst" could be taken for a name.
constexpr std::array<Extension, 9> kExtensions = {{
    {".snapshot.zst", {FileForm::kSnapshot, FileCompression::kZstd}},
    {".jsonl.zst", {FileForm::kJsonLines, FileCompression::kZstd}},
    {".json.zst", {FileForm::kPlainJson, FileCompression::kZstd}},
    {".jsonl.gz", {FileForm::kJsonLines, FileCompression::kGzip}},
    {".json.gz", {FileForm::kPlainJson, FileCompression::kGzip}},
    {".snapshot", {FileForm::kSnapshot, FileCompression::kNone}},
    {".parquet", {FileForm::kParquet, FileCompression::kNone}},
    {".jsonl", {FileForm::kJsonLines, FileCompression::kNone}},
    {".json", {FileForm::kPlainJson, FileCompression::kNone}},
}};

const Extension* find_extension(std::string_view path) {
  std::string lower(path);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& extension : kExtensions) {
    if (lower.ends_with(extension.text) || lower == extension.text.substr(1)) {
      return &extension;
    }
  }
  return nullptr;
}

// A first line that is an object of its own, with more after it.
bool has_lines(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '{') {
    return false;
  }
  const size_t end = text.find('\n', begin);
  if (end == std::string_view::npos) {
    return text.find("\"documents\"") == std::string_view::npos;
  }
  const std::string_view line = text.substr(begin, end - begin);
  const size_t last = line.find_last_not_of(" \t\r");
  return line.size() > 1 && line[last] == '}' &&
         line.find("\"documents\"") == std::string_view::npos;
}

}  // namespace

std::string to_string(const FileFormat& format) {
  for (const auto& extension : kExtensions) {
    if (extension.format == format) {
      return std::string(extension.text.substr(1));
    }
  }
  return "unknown";
}

Result<FileFormat> parse_file_format(std::string_view path) {
  if (const auto* extension = find_extension(path)) {
    return extension->format;
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("'{}' has an unknown extension", path),
               .next = "known are .json .jsonl (each also .zst or .gz), .parquet, and for reading "
                       ".snapshot (also .zst)"});
}

FileFormat guess_file_format(std::string_view first_bytes) {
  if (first_bytes.starts_with("PAR1")) {
    return {FileForm::kParquet, FileCompression::kNone};
  }
  if (first_bytes.starts_with("\x28\xB5\x2F\xFD")) {
    return {FileForm::kJsonLines, FileCompression::kZstd};
  }
  if (first_bytes.starts_with("\x1F\x8B")) {
    return {FileForm::kJsonLines, FileCompression::kGzip};
  }
  return {has_lines(first_bytes) ? FileForm::kJsonLines : FileForm::kPlainJson,
          FileCompression::kNone};
}

std::string stem_of(std::string_view path) {
  const size_t slash = path.find_last_of('/');
  if (slash != std::string_view::npos) {
    path.remove_prefix(slash + 1);
  }
  if (const auto* extension = find_extension(path);
      extension != nullptr && path.size() > extension->text.size()) {
    path.remove_suffix(extension->text.size());
  }
  return std::string(path);
}

}  // namespace vecferry
