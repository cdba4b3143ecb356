#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vecferry/base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace vecferry {

/// A value for a `?` of a statement.
using SqlValue = std::variant<std::nullptr_t, int64_t, std::string>;

/// One row of an answer. Valid until the next one is asked for.
class SqlRow {
 public:
  explicit SqlRow(sqlite3_stmt* statement) : statement_(statement) {}
  std::string text(int column) const;
  std::optional<std::string> maybe_text(int column) const;
  int64_t integer(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// SQLite, with its errors as ours.
/// Thread: one caller at a time.
class Database {
 public:
  /// Opens or makes the file; what is committed survives a power cut.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  /// To read one that nobody can write to: no lock is taken and no file is made beside it.
  static Result<std::unique_ptr<Database>> open_unchanging(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Statements without answers, separated by `;`.
  Status script(const std::string& sql);
  /// One statement; `on_row` is called for each row of the answer.
  template <typename OnRow>
  Status query(std::string_view sql, const std::vector<SqlValue>& values, OnRow on_row) {
    ARROW_ASSIGN_OR_RAISE(sqlite3_stmt * statement, prepare(sql, values));
    for (;;) {
      const auto more = step(statement);
      if (!more.ok() || !*more) {
        finalize(statement);
        return more.status();
      }
      on_row(SqlRow(statement));
    }
  }
  /// One statement without an answer; how many rows it changed.
  Result<int64_t> run(std::string_view sql, const std::vector<SqlValue>& values);

 private:
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  Result<sqlite3_stmt*> prepare(std::string_view sql, const std::vector<SqlValue>& values);
  Result<bool> step(sqlite3_stmt* statement);
  static void finalize(sqlite3_stmt* statement);
  Status failed(int code, std::string_view doing) const;

  sqlite3* handle_;
  std::string path_;
};

/// Rolls back unless it was committed.
class SqlTransaction {
 public:
  static Result<SqlTransaction> begin(Database& database);
  Status commit();
  ~SqlTransaction();
  SqlTransaction(SqlTransaction&& other) noexcept;
  SqlTransaction& operator=(SqlTransaction&&) = delete;

 private:
  explicit SqlTransaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace vecferry
