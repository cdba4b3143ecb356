#pragma once

#include <memory>
#include <string>

#include "vecferry/archive/backup_reader.h"
#include "vecferry/backend/backend.h"

namespace vecferry {

/// The backups in an archive as collections that can be read: "NAME" is the newest of that name,
/// "NAME@WHEN" another (`pick_backup`). A collection that is itself called so comes first.
/// `on_damage`: as BackupReadOptions have it; called from any reader's thread.
std::shared_ptr<Backend> archive_backend(std::shared_ptr<Repository> repository,
                                         OnDamage on_damage);

/// The manifest that such a name means.
/// Errors: those of `Repository::find`.
Result<Manifest> find_backup(const Repository& repository, std::string_view name, StopToken stop);

}  // namespace vecferry
