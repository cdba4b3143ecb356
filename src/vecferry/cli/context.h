#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vecferry/base/error.h"
#include "vecferry/cli/environment.h"
#include "vecferry/cli/output.h"

namespace CLI {
class App;
}

namespace vecferry {

/// What every command gets: the global options, and where to answer.
struct Context {
  OutputOptions output{};
  bool yes = false;
  std::string config_file{};  ///< --config; empty: the usual places
  std::string journal{};      ///< --journal; empty: the configuration's, else the usual place
  NetworkOptions network{};
  StopToken stop = StopToken::Unstoppable();
  /// Set by the verb that was typed; returns the exit status, or an error to be shown.
  std::function<Result<int>(const Output&)> run{};
};

// One function a verb, each in cmd_<verb>.cpp.
void add_alias(CLI::App& app, Context& context);
/// Below `archive`: "archive adopt DIR".
void add_adopt(CLI::App& archive, Context& context);
void add_archive(CLI::App& app, Context& context);
void add_archives(CLI::App& app, Context& context);
void add_backup(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_check(CLI::App& app, Context& context);
void add_clone(CLI::App& app, Context& context);
void add_compact(CLI::App& app, Context& context);
void add_copy(CLI::App& app, Context& context);
void add_diff(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_drop(CLI::App& app, Context& context);
void add_empty(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_history(CLI::App& app, Context& context);
void add_import(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_ls(CLI::App& app, Context& context);
void add_merge(CLI::App& app, Context& context);
void add_peek(CLI::App& app, Context& context);
void add_prune(CLI::App& app, Context& context);
void add_rename(CLI::App& app, Context& context);
void add_restore(CLI::App& app, Context& context);
void add_resume(CLI::App& app, Context& context);
void add_sample(CLI::App& app, Context& context);
void add_serve(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);
void add_split(CLI::App& app, Context& context);
void add_sync(CLI::App& app, Context& context);
void add_undo(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);

}  // namespace vecferry
