#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/journal/journal.h"
#include "vecferry/ops/steps.h"
#include "vecferry/pipeline/progress.h"

/// Operations that finish or come back: a plan of steps, carried out one by one with the journal
/// ahead of each, resumed or undone in any process.
/// Source: docs/journal.md.
namespace vecferry {

/// A file that the steps read, written into the operation's folder before its first act.
struct PlannedFile {
  std::string name{};
  std::function<Status(const std::filesystem::path& path)> write{};
};

/// What an operation will do; making it has written nothing anywhere.
struct OperationPlan {
  std::string verb{};
  std::string source{};  ///< as people write it
  std::string target{};
  std::vector<Step> steps{};
  std::vector<PlannedFile> files{};
  std::vector<std::string> locks{};  ///< addresses of what is written or dropped
  bool destructive = false;          ///< drops or changes what was there before: ask first

  // For people.
  std::optional<uint64_t> points{};
  std::optional<uint64_t> bytes{};  ///< of those points, about
  std::optional<double> seconds{};  ///< about, from a look at the first points
  std::string route = "stream";
  std::string route_reason{};              ///< why that one; empty: there was no choice
  std::vector<std::string> route_lines{};  ///< what was estimated of each
  std::string routes{};                    ///< the same as JSON; may be empty
  std::vector<std::string> writes{};
  std::vector<std::string> drops{};
  std::vector<std::string> losses{};
  std::vector<std::string> transforms{};
  std::vector<std::string> notes{};
  std::string way_back{};
  std::string details{};  ///< JSON of the verb's own, for the plan and the receipt; may be empty
};

/// `{"type":"plan", …}`; docs/json-output.md.
nlohmann::ordered_json to_json(const OperationPlan& plan);

/// What plans work with. All outlive the call.
struct Desk {
  PlaceOpener& places;
  Progress& progress;
  StopToken stop = StopToken::Unstoppable();
};

/// What operations work with. All outlive the call.
struct Workshop {
  Journal& journal;
  PlaceOpener& places;
  Progress& progress;
  StopToken stop = StopToken::Unstoppable();
};

/// How an operation came to an end.
struct OperationEnd {
  std::string id{};
  OperationState state = OperationState::kDone;
  Status error{};         ///< why it is not done, or not undone
  std::string receipt{};  ///< JSON
};

/// Carry a plan out. An error ends in one of two ways: what was done is undone at once (kFailed),
/// or, when a place cannot be reached any more, it stays for `resume` or `undo` (kStopped). Only
/// what happens before the first act, the locks included, is an error of the call itself: kConflict
/// when another run writes there.
Result<OperationEnd> run_operation(const OperationPlan& plan, Workshop shop);

/// Go on where an operation stopped, or was killed.
/// Errors: kNotFound; kUsage for one that has ended; kConflict for one that runs.
Result<OperationEnd> resume_operation(std::string_view id, Workshop shop);

enum class IfChanged { kRefuse, kLose };

/// Take back what an operation did, whole or in part; an undo that was cut off goes on.
/// Errors: as above; kRefused when what it made was written to since (unless told to lose that).
Result<OperationEnd> undo_operation(std::string_view id, IfChanged if_changed, Workshop shop);

/// What undoing would do: sentences, last step first.
Result<std::vector<std::string>> plan_undo(std::string_view id, Journal& journal);

/// The state as a person should hear it: one whose process has died is stopped.
OperationState state_now(const OperationEntry& operation, const Journal& journal);

}  // namespace vecferry
