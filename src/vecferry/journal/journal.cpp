#include "vecferry/journal/journal.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <random>
#include <system_error>
#include <utility>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/journal/database_internal.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kVersion = 1;

constexpr const char* kTables = R"(
CREATE TABLE operation (
  id TEXT PRIMARY KEY, verb TEXT NOT NULL, state TEXT NOT NULL,
  source TEXT NOT NULL, target TEXT NOT NULL, started TEXT NOT NULL, finished TEXT,
  plan TEXT NOT NULL, receipt TEXT, error TEXT, version TEXT NOT NULL);
CREATE TABLE step (
  operation TEXT NOT NULL REFERENCES operation (id), number INTEGER NOT NULL,
  kind TEXT NOT NULL, args TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
  changed TEXT NOT NULL, PRIMARY KEY (operation, number));
CREATE TABLE range (
  operation TEXT NOT NULL, step INTEGER NOT NULL, source INTEGER NOT NULL,
  number INTEGER NOT NULL, whole TEXT NOT NULL, rest TEXT NOT NULL,
  finished INTEGER NOT NULL, points INTEGER NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (operation, step, source, number),
  FOREIGN KEY (operation, step) REFERENCES step (operation, number));
PRAGMA user_version = 1;
)";

constexpr const char* kOperationColumns =
    "id, verb, state, source, target, started, finished, plan, receipt, error, version";

constexpr std::array kOperationStates = {"running", "stopped", "done",
                                         "failed",  "undoing", "undone"};
constexpr std::array kStepStates = {"planned", "intent", "done", "undoing", "undone"};

template <typename State, size_t kCount>
Result<State> state_of(const std::array<const char*, kCount>& words, const std::string& word) {
  for (size_t i = 0; i < kCount; ++i) {
    if (word == words.at(i)) {
      return static_cast<State>(i);
    }
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("the journal has a state '{}' that is not known", word),
               .next = "a newer vecferry wrote it: use that"});
}

std::string utc_now() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%S}Z",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

SqlValue value_of(const std::optional<std::string>& text) {
  return text ? SqlValue(*text) : SqlValue(nullptr);
}

Status prepare_tables(Database& database, const std::string& path) {
  int64_t version = 0;
  const auto ask = [&] {
    return database.query("PRAGMA user_version", {},
                          [&](const SqlRow& row) { version = row.integer(0); });
  };
  ARROW_RETURN_NOT_OK(ask());
  if (version == 0) {
    ARROW_ASSIGN_OR_RAISE(auto transaction, SqlTransaction::begin(database));
    ARROW_RETURN_NOT_OK(ask());  // another process may just have made them
    if (version == 0) {
      ARROW_RETURN_NOT_OK(database.script(kTables));
      version = kVersion;
    }
    ARROW_RETURN_NOT_OK(transaction.commit());
  }
  if (version != kVersion) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the journal is of version {}, this program knows {}", version,
                                     kVersion),
                 .where = path,
                 .next = "use the newer vecferry, or name another folder with --journal"});
  }
  return Status::OK();
}

Result<OperationEntry> operation_of(const SqlRow& row) {
  ARROW_ASSIGN_OR_RAISE(const auto state,
                        (state_of<OperationState>(kOperationStates, row.text(2))));
  return OperationEntry{.id = row.text(0),
                        .verb = row.text(1),
                        .state = state,
                        .source = row.text(3),
                        .target = row.text(4),
                        .started = row.text(5),
                        .finished = row.maybe_text(6),
                        .plan = row.text(7),
                        .receipt = row.maybe_text(8),
                        .error = row.maybe_text(9),
                        .version = row.text(10)};
}

Result<std::vector<OperationEntry>> operations(Database& database, const std::string& rest,
                                               const std::vector<SqlValue>& values) {
  std::vector<OperationEntry> entries;
  Status status;
  ARROW_RETURN_NOT_OK(
      database.query(fmt::format("SELECT {} FROM operation {}", kOperationColumns, rest), values,
                     [&](const SqlRow& row) {
                       auto entry = operation_of(row);
                       if (entry.ok()) {
                         entries.push_back(*std::move(entry));
                       } else {
                         status = entry.status();
                       }
                     }));
  ARROW_RETURN_NOT_OK(status);
  return entries;
}

// A change that must have met exactly one row.
Status one_row(const Result<int64_t>& changed, std::string_view what) {
  ARROW_RETURN_NOT_OK(changed.status());
  if (*changed != 1) {
    return fail({.kind = ErrorKind::kInternal,
                 .what = fmt::format("the journal has no {} to change", what)});
  }
  return Status::OK();
}

}  // namespace

std::string_view to_string(OperationState state) {
  return kOperationStates.at(static_cast<size_t>(state));
}

std::string_view to_string(StepState state) {
  return kStepStates.at(static_cast<size_t>(state));
}

Journal::Journal(fs::path folder, std::unique_ptr<Database> database)
    : folder_(std::move(folder)), database_(std::move(database)) {}

Journal::~Journal() = default;

Result<std::unique_ptr<Journal>> Journal::open(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) {
    // Names of collections and backups of points are nobody else's business.
    constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;
    if ((fs::status(folder, error).permissions() & kOthers) != fs::perms::none && !error) {
      fs::permissions(folder, kOthers, fs::perm_options::remove, error);
    }
  }
  if (error) {
    return system_failure(error.value(), "cannot make the journal's folder", folder.string());
  }
  const fs::path file = folder / "journal.db";
  ARROW_ASSIGN_OR_RAISE(auto database, Database::open(file));
  ARROW_RETURN_NOT_OK(prepare_tables(*database, file.string()));
  return std::unique_ptr<Journal>(new Journal(folder, std::move(database)));
}

Result<std::unique_ptr<Journal>> Journal::open_to_read(const fs::path& folder) {
  auto journal = open(folder);
  if (journal.ok() || kind_of(journal.status()) == ErrorKind::kCorrupt ||
      kind_of(journal.status()) == ErrorKind::kIncompatible ||
      kind_of(journal.status()) == ErrorKind::kConflict) {
    return journal;
  }
  const fs::path file = folder / "journal.db";
  std::error_code error;
  if (const auto log_bytes = fs::file_size(file.string() + "-wal", error);
      !error && log_bytes > 0) {
    return journal;  // a process died, or is at work: what it wrote is not in the file alone
  }
  ARROW_ASSIGN_OR_RAISE(auto database, Database::open_unchanging(file));
  int64_t version = 0;
  ARROW_RETURN_NOT_OK(database->query("PRAGMA user_version", {},
                                      [&](const SqlRow& row) { version = row.integer(0); }));
  if (version != kVersion) {
    return journal;
  }
  return std::unique_ptr<Journal>(new Journal(folder, std::move(database)));
}

Result<std::string> Journal::new_id() {
  std::random_device random;
  for (;;) {
    const std::string id = fmt::format("{:08x}", random());
    const std::lock_guard guard(mutex_);
    ARROW_ASSIGN_OR_RAISE(const auto taken, operations(*database_, "WHERE id = ?", {id}));
    if (taken.empty()) {
      return id;
    }
  }
}

fs::path Journal::files_of(std::string_view operation) const {
  return folder_ / "operations" / operation;
}

Status Journal::make_files_of(std::string_view operation) const {
  std::error_code error;
  const fs::path files = files_of(operation);
  fs::create_directories(files, error);
  return error ? system_failure(error.value(), "cannot make the operation's folder", files.string())
               : Status::OK();
}

Status Journal::begin(const OperationEntry& operation, const std::vector<StepEntry>& steps) {
  const std::lock_guard guard(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto transaction, SqlTransaction::begin(*database_));
  ARROW_RETURN_NOT_OK(
      database_
          ->run(fmt::format("INSERT INTO operation ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                            kOperationColumns),
                {operation.id, operation.verb, std::string(to_string(operation.state)),
                 operation.source, operation.target, operation.started,
                 value_of(operation.finished), operation.plan, value_of(operation.receipt),
                 value_of(operation.error), operation.version})
          .status());
  for (const auto& step : steps) {
    ARROW_RETURN_NOT_OK(
        database_
            ->run("INSERT INTO step (operation, number, kind, args, state, result, changed) "
                  "VALUES (?,?,?,?,?,?,?)",
                  {operation.id, int64_t{step.number}, step.kind, step.args,
                   std::string(to_string(step.state)), step.result, utc_now()})
            .status());
  }
  ARROW_RETURN_NOT_OK(transaction.commit());
  VECFERRY_KILL_POINT("journal.begun");
  return Status::OK();
}

Status Journal::set_state(std::string_view operation, OperationState state,
                          const std::optional<std::string>& error) {
  const bool ended = state != OperationState::kRunning && state != OperationState::kUndoing;
  const std::lock_guard guard(mutex_);
  return one_row(
      database_->run("UPDATE operation SET state = ?, error = ?, finished = ? WHERE id = ?",
                     {std::string(to_string(state)), value_of(error),
                      ended ? SqlValue(utc_now()) : SqlValue(nullptr), std::string(operation)}),
      "operation");
}

Status Journal::set_receipt(std::string_view operation, std::string_view receipt) {
  const std::lock_guard guard(mutex_);
  return one_row(database_->run("UPDATE operation SET receipt = ? WHERE id = ?",
                                {std::string(receipt), std::string(operation)}),
                 "operation");
}

Status Journal::set_step(std::string_view operation, int number, StepState state) {
  const std::lock_guard guard(mutex_);
  return one_row(
      database_->run(
          "UPDATE step SET state = ?, changed = ? WHERE operation = ? AND number = ?",
          {std::string(to_string(state)), utc_now(), std::string(operation), int64_t{number}}),
      "step");
}

Status Journal::set_step_result(std::string_view operation, int number, std::string_view result) {
  const std::lock_guard guard(mutex_);
  return one_row(
      database_->run("UPDATE step SET result = ?, changed = ? WHERE operation = ? AND number = ?",
                     {std::string(result), utc_now(), std::string(operation), int64_t{number}}),
      "step");
}

Status Journal::freeze_ranges(std::string_view operation, int step, int source,
                              const std::vector<RangeEntry>& ranges) {
  const std::lock_guard guard(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto transaction, SqlTransaction::begin(*database_));
  ARROW_RETURN_NOT_OK(database_
                          ->run("DELETE FROM range WHERE operation = ? AND step = ? AND source = ?",
                                {std::string(operation), int64_t{step}, int64_t{source}})
                          .status());
  for (const auto& range : ranges) {
    ARROW_RETURN_NOT_OK(
        database_
            ->run("INSERT INTO range (operation, step, source, number, whole, rest, finished, "
                  "points, digest) VALUES (?,?,?,?,?,?,?,?,?)",
                  {std::string(operation), int64_t{step}, int64_t{source}, int64_t{range.number},
                   range.whole, range.rest, int64_t{range.finished ? 1 : 0},
                   static_cast<int64_t>(range.points), range.digest})
            .status());
  }
  return transaction.commit();
}

Status Journal::set_range(std::string_view operation, int step, int source,
                          const RangeEntry& range) {
  const std::lock_guard guard(mutex_);
  return one_row(
      database_->run("UPDATE range SET rest = ?, finished = ?, points = ?, digest = ? "
                     "WHERE operation = ? AND step = ? AND source = ? AND number = ?",
                     {range.rest, int64_t{range.finished ? 1 : 0},
                      static_cast<int64_t>(range.points), range.digest, std::string(operation),
                      int64_t{step}, int64_t{source}, int64_t{range.number}}),
      "range");
}

Result<std::vector<RangeEntry>> Journal::ranges(std::string_view operation, int step, int source) {
  std::vector<RangeEntry> entries;
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(database_->query(
      "SELECT number, whole, rest, finished, points, digest FROM range "
      "WHERE operation = ? AND step = ? AND source = ? ORDER BY number",
      {std::string(operation), int64_t{step}, int64_t{source}}, [&](const SqlRow& row) {
        entries.push_back({.number = static_cast<int>(row.integer(0)),
                           .whole = row.text(1),
                           .rest = row.text(2),
                           .finished = row.integer(3) != 0,
                           .points = static_cast<uint64_t>(row.integer(4)),
                           .digest = row.text(5)});
      }));
  return entries;
}

Status Journal::forget_ranges(std::string_view operation, int step) {
  const std::lock_guard guard(mutex_);
  return database_
      ->run("DELETE FROM range WHERE operation = ? AND step = ?",
            {std::string(operation), int64_t{step}})
      .status();
}

Result<OperationEntry> Journal::find(std::string_view id_or_prefix) {
  const std::string prefix(id_or_prefix);
  const std::lock_guard guard(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto found,
                        operations(*database_, "WHERE substr(id, 1, length(?1)) = ?1", {prefix}));
  if (prefix.empty() || found.empty()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no operation '{}'", prefix),
                 .where = folder_.string(),
                 .next = "`vecferry history` lists them"});
  }
  if (found.size() > 1) {
    std::string ids;
    for (const auto& entry : found) {
      ids += (ids.empty() ? "" : ", ") + entry.id;
    }
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("several operations begin with '{}': {}", prefix, ids),
                 .next = "give more of the id"});
  }
  return std::move(found.front());
}

Result<std::vector<OperationEntry>> Journal::list(size_t limit) {
  const std::lock_guard guard(mutex_);
  return operations(*database_, "ORDER BY rowid DESC LIMIT ?",
                    {limit == 0 ? int64_t{-1} : static_cast<int64_t>(limit)});
}

Result<std::vector<StepEntry>> Journal::steps(std::string_view operation) {
  std::vector<StepEntry> entries;
  Status status;
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(database_->query(
      "SELECT number, kind, args, state, result FROM step WHERE operation = ? ORDER BY number",
      {std::string(operation)}, [&](const SqlRow& row) {
        const auto state = state_of<StepState>(kStepStates, row.text(3));
        if (!state.ok()) {
          status = state.status();
          return;
        }
        entries.push_back({.number = static_cast<int>(row.integer(0)),
                           .kind = row.text(1),
                           .args = row.text(2),
                           .state = *state,
                           .result = row.text(4)});
      }));
  ARROW_RETURN_NOT_OK(status);
  return entries;
}

}  // namespace vecferry
