#include "vecferry/backends/files/open_file.h"

#include <fmt/format.h>

#include <utility>

#include "vecferry/backends/files/file_backend_internal.h"

namespace vecferry {

Result<std::shared_ptr<Backend>> open_file(const std::string& path, const FileOptions& given) {
  FileOptions options = given;
  if (options.original_id_key.empty()) {
    options.original_id_key = kDefaultOriginalIdKey;
  }
  if (options.spool_folder.empty()) {
    std::error_code error;
    options.spool_folder = std::filesystem::temp_directory_path(error);
    if (error) {
      options.spool_folder = "/tmp";
    }
  }
  std::optional<FileFormat> format;
  if (!options.format.empty() || path != "-") {
    ARROW_ASSIGN_OR_RAISE(format,
                          parse_file_format(options.format.empty() ? path : options.format));
  } else if (options.write) {
    format = FileFormat{.form = FileForm::kJsonLines};
  }
  if (format && format->form == FileForm::kSnapshot) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is a snapshot, which is no file of points", path),
                 .where = path});
  }
  return files::points_file(path, format, std::move(options));
}

Result<std::string> collection_name_of(Backend& file, const std::string& path,
                                       const FileOptions& options, StopToken stop) {
  const auto collections = file.list(std::move(stop));
  if (collections.ok() && !collections->empty()) {
    return collections->front().name;
  }
  if (!collections.ok() && kind_of(collections.status()) != ErrorKind::kNotFound) {
    return collections.status();
  }
  return !options.collection_name.empty() ? options.collection_name
         : path == "-"                    ? std::string("points")
                                          : stem_of(path);
}

namespace files {

Status not_possible(std::string_view what, const std::string& path) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("a file cannot {}", what),
               .where = path,
               .next = "use a local:DIR place for that"});
}

}  // namespace files
}  // namespace vecferry
