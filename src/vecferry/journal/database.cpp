#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "vecferry/journal/database_internal.h"

namespace vecferry {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

ErrorKind kind_for(int code) {
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return ErrorKind::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::kConflict;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
      return ErrorKind::kInternal;
    default:
      return ErrorKind::kIo;
  }
}

// What ends a path in a URI, or stands for something else there.
std::string percent_encode_path(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text;
}

std::string advice_for(ErrorKind kind, const std::string& path) {
  switch (kind) {
    case ErrorKind::kCorrupt:
      return fmt::format(
          "`sqlite3 '{}' .recover` may save what is in it; move it away to begin "
          "another, or name one with --journal",
          path);
    case ErrorKind::kConflict:
      return "another run is writing to it: wait, then run the same command again";
    case ErrorKind::kIo:
      return "check space (`df -h`) and rights there, or name another folder with --journal";
    default:
      return {};
  }
}

}  // namespace

std::string SqlRow::text(int column) const {
  return maybe_text(column).value_or("");
}

std::optional<std::string> SqlRow::maybe_text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) {
    return std::nullopt;
  }
  return std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

int64_t SqlRow::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  // Also after an error the handle is to be closed, and says what happened.
  std::unique_ptr<Database> database(new Database(handle, file.string()));
  if (code != SQLITE_OK) {
    return database->failed(code, "open");
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  // FULL with a write-ahead log: a commit that was answered survives a power cut.
  ARROW_RETURN_NOT_OK(database->script(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"));
  return database;
}

Result<std::unique_ptr<Database>> Database::open_unchanging(const std::filesystem::path& file) {
  sqlite3* handle = nullptr;
  const std::string uri = "file:" + percent_encode_path(file.string()) + "?immutable=1";
  const int code =
      sqlite3_open_v2(uri.c_str(), &handle,
                      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle, file.string()));
  if (code != SQLITE_OK) {
    return database->failed(code, "open");
  }
  return database;
}

Database::~Database() {
  sqlite3_close_v2(handle_);
}

Status Database::failed(int code, std::string_view doing) const {
  const ErrorKind kind = kind_for(code);
  return fail(
      {.kind = kind,
       .what = fmt::format("cannot {} the journal: {}", doing,
                           handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code)),
       .where = path_,
       .next = advice_for(kind, path_),
       .retryable = kind == ErrorKind::kConflict});
}

Status Database::script(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status::OK() : failed(code, "prepare");
}

Result<sqlite3_stmt*> Database::prepare(std::string_view sql, const std::vector<SqlValue>& values) {
  sqlite3_stmt* statement = nullptr;
  int code =
      sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  int position = 0;
  for (const auto& value : values) {
    if (code != SQLITE_OK) {
      break;
    }
    ++position;
    if (const auto* number = std::get_if<int64_t>(&value)) {
      code = sqlite3_bind_int64(statement, position, *number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      code = sqlite3_bind_text64(statement, position, text->data(), text->size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
    } else {
      code = sqlite3_bind_null(statement, position);
    }
  }
  if (code != SQLITE_OK) {
    const Status status = failed(code, "read");
    finalize(statement);
    return status;
  }
  return statement;
}

Result<bool> Database::step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    return false;
  }
  return failed(code, sqlite3_stmt_readonly(statement) != 0 ? "read" : "write");
}

void Database::finalize(sqlite3_stmt* statement) {
  sqlite3_finalize(statement);
}

Result<int64_t> Database::run(std::string_view sql, const std::vector<SqlValue>& values) {
  ARROW_RETURN_NOT_OK(query(sql, values, [](const SqlRow&) {}));
  return static_cast<int64_t>(sqlite3_changes64(handle_));
}

Result<SqlTransaction> SqlTransaction::begin(Database& database) {
  ARROW_RETURN_NOT_OK(database.script("BEGIN IMMEDIATE"));
  return SqlTransaction(database);
}

Status SqlTransaction::commit() {
  ARROW_RETURN_NOT_OK(database_->script("COMMIT"));
  database_ = nullptr;
  return Status::OK();
}

SqlTransaction::~SqlTransaction() {
  if (database_ != nullptr) {
    discard(database_->script("ROLLBACK"), "the error before it is the one to tell");
  }
}

SqlTransaction::SqlTransaction(SqlTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

}  // namespace vecferry
