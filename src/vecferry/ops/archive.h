#pragma once

#include <optional>
#include <string>

#include "vecferry/ops/operation.h"
#include "vecferry/ops/travel.h"

/// Plans of the verbs that keep collections in archives.
namespace vecferry {

struct BackupRequest {
  OpenedEnd source{};
  std::string archive{};  ///< "archive:DIR"
  std::string name{};     ///< in the archive; empty: the collection's
  bool whole = false;     ///< do not go on from the backup before
  bool native = false;    ///< also keep the server's own files, for the fastest way back
  int passes = 3;         ///< over a live source, at most
  TravelWish travel{};    ///< how the collection is read
  int64_t memory_bytes = int64_t{256} << 20;
};

/// A backup of a collection.
Result<OperationPlan> plan_backup(const BackupRequest& request, Desk desk);

/// A backup that is read back whole, a mark, and the live collection goes.
Result<OperationPlan> plan_archive(const BackupRequest& request, Desk desk);

struct RestoreRequest {
  std::string archive{};              ///< "archive:DIR"
  std::string collection{};           ///< name in it
  std::string when{};                 ///< which backup (`pick_backup`)
  std::optional<OpenedEnd> target{};  ///< none: where the backup was taken from
  Selection selection{};
  bool allow_partial = false;  ///< leave out what is damaged
  TravelWish travel{};
  bool build_index = false;
  int64_t memory_bytes = int64_t{256} << 20;
};

/// A collection from a backup, under a name that is free; its aliases where they are free; the mark
/// that it lives in the archive alone goes.
/// Errors: kExists for a target that is there.
Result<OperationPlan> plan_restore(const RestoreRequest& request, Desk desk);

/// "archive:DIR/NAME@ID", percent-encoded.
std::string backup_location(const std::string& archive, const std::string& collection,
                            const std::string& id);

/// What of a backup cannot be read, in words; empty when all of it is sound. Reads every segment.
Result<std::vector<std::string>> find_damage(const Repository& repository, const Manifest& manifest,
                                             StopToken stop);

/// The step that backs a whole collection up before it is dropped or changed: into the archive, or
/// where `archive` is empty into a file beside the journal.
Step safety_backup(const OpenedEnd& end, const std::string& archive, int number);

}  // namespace vecferry
