#include "vecferry/cli/archives.h"

#include <filesystem>
#include <system_error>

#include "vecferry/cli/operate.h"
#include "vecferry/ops/archive.h"

namespace vecferry {
namespace {

// "a@2026-11-23" in two; an '@' that begins the name is part of it.
void split_when(const std::string& name, TypedBackup* backup) {
  const size_t at = name.rfind('@');
  if (at == std::string::npos || at == 0) {
    backup->collection = name;
    return;
  }
  backup->collection = name.substr(0, at);
  backup->when = name.substr(at + 1);
}

}  // namespace

Result<std::string> chosen_archive(const Context& context, const PlaceNames& names,
                                   const std::string& typed) {
  if (!typed.empty()) {
    return archive_address(names.resolve_place(typed));
  }
  if (!names.archive().empty()) {
    return archive_address(names.archive());
  }
  ARROW_ASSIGN_OR_RAISE(const auto folder, journal_folder(context, names));
  return archive_address(folder + "/archive");
}

Result<TypedBackup> typed_backup(const Context& context, const PlaceNames& names,
                                 const std::string& text, const std::string& from) {
  TypedBackup backup;
  if (text.find('/') == std::string::npos) {
    ARROW_ASSIGN_OR_RAISE(backup.archive, chosen_archive(context, names, from));
    ARROW_ASSIGN_OR_RAISE(const auto name, percent_decode(text));
    split_when(name, &backup);
    return backup;
  }
  ARROW_ASSIGN_OR_RAISE(const auto location, parse_location(names.resolve(text)));
  if (location.place.kind != PlaceKind::kArchive) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "this is no collection of an archive",
                 .where = text,
                 .next = "write NAME, NAME@WHEN, or archive:DIR/NAME@WHEN"});
  }
  ARROW_ASSIGN_OR_RAISE(backup.archive, archive_address(to_string(location.place)));
  split_when(location.collection, &backup);
  return backup;
}

Result<std::string> with_backup_names(const Context& context, const PlaceNames& names,
                                      const std::string& text) {
  const size_t at = text.rfind('@');
  std::error_code ignored;
  if (at == std::string::npos || at == 0 || text.find_first_of("/:") < at ||
      std::filesystem::exists(text, ignored)) {
    return text;
  }
  ARROW_ASSIGN_OR_RAISE(const auto backup, typed_backup(context, names, text, ""));
  return backup_location(backup.archive, backup.collection, backup.when);
}

}  // namespace vecferry
