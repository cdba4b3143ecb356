#pragma once

#include <atomic>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/pipeline/progress.h"

/// What a person or a script sees: stdout carries the result, stderr everything else. With --json
/// stdout is JSON Lines (docs/json-output.md).
namespace vecferry {

struct OutputOptions {
  bool json = false;
  bool quiet = false;
  bool stdout_is_data = false;  ///< the points go to stdout: the result goes to stderr
};

/// Thread: one caller at a time; a ProgressDisplay writes to stderr (or JSON lines) beside it.
class Output {
 public:
  explicit Output(OutputOptions options) : options_(options) {}

  const OutputOptions& options() const { return options_; }

  /// One JSON line, only with --json.
  void line(const nlohmann::ordered_json& object) const;
  /// The result as text, only without --json.
  void text(std::string_view text) const;
  /// For the person at the terminal, on stderr; silent with --quiet.
  void note(std::string_view text) const;
  void warning(std::string_view text) const;
  /// The error in the house's form on stderr, and as JSON with --json.
  void error(const Failure& failure, int exit_code) const;

 private:
  OutputOptions options_;
};

/// Shows Progress until it is destroyed: drawn ten times a second on a terminal, else one line
/// every ten seconds. Owns a thread.
class ProgressDisplay {
 public:
  ProgressDisplay(const Output& output, const Progress& progress);
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

 private:
  void run(const std::stop_token& stop) const;

  const Output& output_;
  const Progress& progress_;
  bool terminal_ = false;
  std::jthread thread_;
};

/// "1,234,567", "3.4 MB", "1 min 20 s": for people.
std::string format_count(uint64_t value);
std::string format_bytes(uint64_t bytes);
std::string format_seconds(double seconds);

/// A line of a plan or receipt for each: "  note      …".
std::string bullets(std::string_view title, const std::vector<std::string>& lines);

}  // namespace vecferry
