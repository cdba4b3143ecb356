#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vecferry/journal/journal.h"
#include "vecferry/ops/steps.h"
#include "vecferry/pipeline/progress.h"
#include "vecferry/routes/ship.h"

/// Carrying out one step, or undoing it. All of them may be called again after any failure, in
/// another process.
namespace vecferry {

/// What a step works with.
struct StepRun {
  Journal& journal;
  const std::string& operation;
  int number = 0;
  PlaceOpener& places;
  Progress& progress;
  StopToken stop;
  StepFacts facts{};                  ///< what it has done so far
  const std::vector<StepFacts>& all;  ///< of every step, by number

  std::filesystem::path files() const { return journal.files_of(operation); }
  /// Make `facts` durable.
  Status note() const;
};

Status run(const BackupStep& step, StepRun& run);
Status run(const LoadStep& step, StepRun& run);
Status run(const AliasStep& step, StepRun& run);
Status run(const DropStep& step, StepRun& run);
Status run(const ChangeStep& step, StepRun& run);
Status run(const SettingsStep& step, StepRun& run);
Status run(const ProofStep& step, StepRun& run);
Status run(const SplitStep& step, StepRun& run);
Status run(const ArchiveStep& step, StepRun& run);
Status run(const MarkStep& step, StepRun& run);

Status undo(const BackupStep& step, StepRun& run);
Status undo(const LoadStep& step, StepRun& run);
Status undo(const AliasStep& step, StepRun& run);
Status undo(const DropStep& step, StepRun& run);
Status undo(const ChangeStep& step, StepRun& run);
Status undo(const SettingsStep& step, StepRun& run);
Status undo(const ProofStep& step, StepRun& run);
Status undo(const SplitStep& step, StepRun& run);
Status undo(const ArchiveStep& step, StepRun& run);
Status undo(const MarkStep& step, StepRun& run);

/// What of a target is there when a step begins, or begins again.
enum class Found { kNothing, kOurLoad, kComplete };

/// Look at a target, and take over an unfinished load of ours. Errors: kExists for one that is
/// somebody else's.
Result<Found> look_at(const std::string& label, const OpenedEnd& target, const StepRun& run);

/// How a collection of this step is built here and shipped; `target` counts them. What is built
/// lies where another process finds it.
ShipOptions ship_options(const Travel& travel, int target, StepRun& run);
/// What was built or fetched for collections, and is not needed any more.
Status remove_spools(const Travel& travel, const StepRun& run);

/// Drop what the step made under this address; what is somebody else's stays.
Status remove_made(const std::string& address, const StepRun& run);

/// The name of a backup's file, from the step with that number.
std::string backup_file(int step);

/// Where the backup of the step with that number lies: a file, or a location in an archive.
std::string backup_address(const StepRun& run, int step);

/// The configuration of a collection, or none when there is no such collection.
Result<std::optional<CollectionConfig>> find_collection(const OpenedEnd& end,
                                                        const StopToken& stop);

}  // namespace vecferry
