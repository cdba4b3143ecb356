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
  NetworkOptions network{};
  StopToken stop = StopToken::Unstoppable();
  /// Set by the verb that was typed; returns the exit status, or an error to be shown.
  std::function<Result<int>(const Output&)> run{};
};

// One function a verb, each in cmd_<verb>.cpp.
void add_copy(CLI::App& app, Context& context);
void add_diff(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_import(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_ls(CLI::App& app, Context& context);
void add_peek(CLI::App& app, Context& context);
void add_serve(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);

}  // namespace vecferry
