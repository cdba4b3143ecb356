#pragma once

#include <string>

#include "vecferry/cli/context.h"
#include "vecferry/cli/places.h"

namespace CLI {
class App;
}

namespace vecferry {

/// The archive that is meant: what was typed, else the configuration's, else the folder "archive"
/// beside the journal. Errors: kUsage for what is no place.
Result<std::string> chosen_archive(const Context& context, const PlaceNames& names,
                                   const std::string& typed);

/// "NAME", "NAME@WHEN", or either behind an archive: what `restore`, `prune` and `compact` take.
struct TypedBackup {
  std::string archive{};     ///< an address
  std::string collection{};  ///< empty: the archive as a whole
  std::string when{};
};

/// `from`: the archive of --from, if it was given.
Result<TypedBackup> typed_backup(const Context& context, const PlaceNames& names,
                                 const std::string& text, const std::string& from);

/// What `verify`, `diff` and `info` take: a bare NAME@WHEN is a backup in the archive that `backup`
/// writes to by default, unless there is such a file; everything else stays as it is.
Result<std::string> with_backup_names(const Context& context, const PlaceNames& names,
                                      const std::string& text);

}  // namespace vecferry
