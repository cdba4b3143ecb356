#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// The durable record of what operations meant to do and did. What it holds is text and JSON that
/// others wrote; nothing in it is secret.
/// Source: docs/journal.md, which lays the tables down.
namespace vecferry {

class Database;

enum class OperationState {
  kRunning,  ///< begun; whether its process lives says its lock (journal/locks.h)
  kStopped,  ///< part-way: to be resumed or undone
  kDone,
  kFailed,  ///< ended with an error and left nothing behind
  kUndoing,
  kUndone,
};
std::string_view to_string(OperationState state);  ///< "running", …

struct OperationEntry {
  std::string id{};
  std::string verb{};
  OperationState state = OperationState::kRunning;
  std::string source{};  ///< as people write it
  std::string target{};
  std::string started{};                  ///< UTC, RFC 3339
  std::optional<std::string> finished{};  ///< when it last came to an end
  std::string plan{};                     ///< JSON
  std::optional<std::string> receipt{};   ///< JSON, of what is done
  std::optional<std::string> error{};     ///< of the last end that was none
  std::string version{};                  ///< of the program
};

enum class StepState { kPlanned, kIntent, kDone, kUndoing, kUndone };
std::string_view to_string(StepState state);

struct StepEntry {
  int number = 0;      ///< from 0, in the order of carrying out
  std::string kind{};  ///< "load"
  std::string args{};  ///< JSON: all that is needed to carry it out or undo it in another process
  StepState state = StepState::kPlanned;
  std::string result{};  ///< JSON: what it has done so far
};

/// A range of a copy's frozen plan, and how far it has come.
struct RangeEntry {
  int number = 0;
  std::string whole{};  ///< JSON, as planned
  std::string rest{};   ///< JSON: what is not yet durable at the target; `whole` at first
  bool finished = false;
  uint64_t points = 0;   ///< durable ones
  std::string digest{};  ///< of those, 32 hex digits; empty: none
};

/// Thread: safe for concurrent use. Every call that changes something is durable when it returns.
/// Errors of all calls: kIo for a disk that does not take it, kCorrupt for a file that is no
/// journal, kIncompatible for one of a newer version.
class Journal {
 public:
  /// Open the journal in `folder`, which is made (readable by its owner only) when it is missing.
  static Result<std::unique_ptr<Journal>> open(const std::filesystem::path& folder);
  /// The same for who only looks; one that may not be written to is read as it is.
  static Result<std::unique_ptr<Journal>> open_to_read(const std::filesystem::path& folder);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  /// An id that no operation has.
  Result<std::string> new_id();
  /// Where an operation keeps files of its own.
  std::filesystem::path files_of(std::string_view operation) const;
  Status make_files_of(std::string_view operation) const;

  /// Write down an operation and its steps, before its first act.
  Status begin(const OperationEntry& operation, const std::vector<StepEntry>& steps);
  Status set_state(std::string_view operation, OperationState state,
                   const std::optional<std::string>& error);
  Status set_receipt(std::string_view operation, std::string_view receipt);
  Status set_step(std::string_view operation, int number, StepState state);
  Status set_step_result(std::string_view operation, int number, std::string_view result);

  /// The frozen ranges of one source of a step; what was there is forgotten.
  Status freeze_ranges(std::string_view operation, int step, int source,
                       const std::vector<RangeEntry>& ranges);
  Status set_range(std::string_view operation, int step, int source, const RangeEntry& range);
  Result<std::vector<RangeEntry>> ranges(std::string_view operation, int step, int source);
  Status forget_ranges(std::string_view operation, int step);

  /// By id or the beginning of one. Errors: kNotFound, kUsage when several begin so.
  Result<OperationEntry> find(std::string_view id_or_prefix);
  /// Newest first; 0: all.
  Result<std::vector<OperationEntry>> list(size_t limit);
  Result<std::vector<StepEntry>> steps(std::string_view operation);

 private:
  Journal(std::filesystem::path folder, std::unique_ptr<Database> database);

  const std::filesystem::path folder_;
  std::mutex mutex_;
  std::unique_ptr<Database> database_;  // guarded by mutex_
};

}  // namespace vecferry
