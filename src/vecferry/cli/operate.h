#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vecferry/cli/context.h"
#include "vecferry/cli/opener.h"
#include "vecferry/cli/route_options.h"
#include "vecferry/ops/operation.h"

namespace vecferry {

/// What every verb with a journal takes.
struct OperateOptions {
  RouteWords route{};  ///< of verbs that move a whole collection
  bool dry_run = false;
  std::string confirmed{};  ///< --confirm: name of a protected environment
  std::string memory = "256MiB";
  std::string result_type = "result";  ///< of the JSON line at the end
};

/// `--dry-run`, `--confirm`, `--memory`.
void add_operate_options(CLI::App& verb, OperateOptions& options);

/// What a verb needs to make its plan.
struct Planning {
  const PlaceNames& names;
  NamedPlaces& places;
  Progress& progress;
  int64_t memory_bytes = 0;
  StopToken stop;
};
using PlanMaker = std::function<Result<OperationPlan>(const Planning&)>;

/// Plan, show the plan, ask where something is destroyed, carry out, show the receipt.
Result<int> operate(const Context& context, const Output& output, const OperateOptions& options,
                    const PlanMaker& make_plan);

/// The plan; when there is no such collection, the error names the nearest that the place has.
Result<OperationPlan> or_nearest_name(Result<OperationPlan> plan, const OpenedEnd& end,
                                      const StopToken& stop);

/// The folder of the journal: --journal, the configuration's, $XDG_STATE_HOME/vecferry or
/// ~/.local/state/vecferry.
Result<std::string> journal_folder(const Context& context, const PlaceNames& names);

enum class Consent { kNone, kNameTyped };

/// A protected environment wants its name typed, whatever else was said: on the terminal, or as
/// `confirmed`. Errors: kRefused.
Result<Consent> check_protection(const Context& context, const PlaceNames& names,
                                 const std::vector<std::string>& addresses,
                                 const std::string& confirmed);

/// Could a file be written there? Asked before work that would be in vain. Errors: kIo.
Status check_can_write(const std::string& file, const std::string& next);

/// Ask on the terminal. Errors: kRefused for no; without a terminal unless --yes.
Status ask(const Context& context, const std::string& question);

/// Show how an operation came to an end; the exit status, or the error when nothing is left.
Result<int> show_end(const Output& output, const OperationEnd& end,
                     const std::string& type = "result");

/// The receipt as text.
std::string receipt_text(const nlohmann::ordered_json& receipt);

}  // namespace vecferry
