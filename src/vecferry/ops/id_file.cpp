#include "vecferry/ops/id_file.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "vecferry/base/durable_file.h"

namespace vecferry {

Status write_ids(const std::filesystem::path& path, const std::vector<PointId>& ids) {
  std::string text;
  for (const auto& id : ids) {
    text += to_string(id);
    text += '\n';
  }
  return write_durably(path, text);
}

Result<std::vector<PointId>> read_ids(const std::filesystem::path& path) {
  ARROW_ASSIGN_OR_RAISE(const auto text, read_file(path));
  std::vector<PointId> ids;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto id = parse_point_id(line);
    if (!id || (!ids.empty() && *id <= ids.back())) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("line {} of a list of ids is no id, or out of order",
                                       ids.size() + 1),
                   .where = path.string()});
    }
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace vecferry
