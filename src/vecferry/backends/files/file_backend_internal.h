#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vecferry/backend/backend.h"
#include "vecferry/backends/files/open_file.h"
#include "vecferry/formats/file_format.h"

namespace vecferry::files {

/// A .json, .jsonl or .parquet file. `format` is empty for standard input, which is looked at.
std::shared_ptr<Backend> points_file(std::string path, std::optional<FileFormat> format,
                                     FileOptions options);

/// What only a place for many collections, or one that can be changed, does.
Status not_possible(std::string_view what, const std::string& path);

}  // namespace vecferry::files
