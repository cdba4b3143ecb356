#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"

namespace vecferry {
namespace {

using Act = std::function<Result<OperationEnd>(Workshop)>;

Result<int> act(const Context& context, const Output& output, const PlaceNames& names,
                Journal& journal, const Act& what) {
  Progress progress;
  NamedPlaces places(names, progress);
  const auto end = [&] {
    const ProgressDisplay display(output, progress);
    return what({.journal = journal, .places = places, .progress = progress, .stop = context.stop});
  }();
  ARROW_RETURN_NOT_OK(end.status());
  return show_end(output, *end);
}

Result<int> resume(const Context& context, const Output& output, const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto folder, journal_folder(context, names));
  ARROW_ASSIGN_OR_RAISE(const auto journal, Journal::open(folder));
  return act(context, output, names, *journal,
             [&](Workshop shop) { return resume_operation(id, shop); });
}

struct UndoOptions {
  std::string id{};
  bool even_if_changed = false;
  bool dry_run = false;
  std::string confirmed{};
};

// Undoing drops or changes what the operation made; bringing back what it dropped takes nothing.
bool takes_away(const std::vector<StepEntry>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const StepEntry& step) {
    return (step.kind == "load" || step.kind == "split" || step.kind == "change") &&
           step.state != StepState::kPlanned && step.state != StepState::kUndone;
  });
}

std::vector<std::string> locks_of(const OperationEntry& entry) {
  const auto plan = nlohmann::json::parse(entry.plan, nullptr, false);
  return plan.is_object() ? plan.value("locks", std::vector<std::string>())
                          : std::vector<std::string>();
}

Result<int> undo(const Context& context, const Output& output, const UndoOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto folder, journal_folder(context, names));
  ARROW_ASSIGN_OR_RAISE(const auto journal, Journal::open(folder));
  ARROW_ASSIGN_OR_RAISE(const auto entry, journal->find(options.id));
  ARROW_ASSIGN_OR_RAISE(const auto sentences, plan_undo(options.id, *journal));
  std::string text =
      fmt::format("undo {} ({} {} -> {})\n", entry.id, entry.verb, entry.source, entry.target);
  for (const auto& sentence : sentences) {
    text += fmt::format("  does      {}\n", sentence);
  }
  output.line({{"type", "plan"},
               {"verb", "undo"},
               {"operation", entry.id},
               {"source", entry.source},
               {"target", entry.target},
               {"steps", sentences}});
  if (options.dry_run) {
    output.text(text + "  dry run   nothing was written\n");
    output.line({{"type", "result"}, {"verb", "undo"}, {"operation", entry.id}, {"dry_run", true}});
    return kExitDone;
  }
  output.note(text);
  ARROW_ASSIGN_OR_RAISE(const auto steps, journal->steps(entry.id));
  if (takes_away(steps)) {
    ARROW_RETURN_NOT_OK(
        check_protection(context, names, locks_of(entry), options.confirmed).status());
  }
  const auto if_changed = options.even_if_changed ? IfChanged::kLose : IfChanged::kRefuse;
  return act(context, output, names, *journal,
             [&](Workshop shop) { return undo_operation(options.id, if_changed, shop); });
}

}  // namespace

void add_resume(CLI::App& app, Context& context) {
  auto id = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("resume", "Go on with an operation that was cut off");
  verb->add_option("OP", *id, "Its id, or the beginning of it (`vecferry history`)")->required();
  verb->callback([&context, id] {
    context.run = [&context, id](const Output& output) { return resume(context, output, *id); };
  });
}

void add_undo(CLI::App& app, Context& context) {
  auto options = std::make_shared<UndoOptions>();
  auto* verb = app.add_subcommand("undo", "Take back what an operation did, whole or in part")
                   ->footer(
                       "Removes only what the operation made, and restores what it dropped from "
                       "the backup that it took.");
  verb->add_option("OP", options->id, "Its id, or the beginning of it (`vecferry history`)")
      ->required();
  verb->add_flag("--even-if-changed", options->even_if_changed,
                 "Also when what the operation made was written to since: that is lost");
  verb->add_flag("--dry-run", options->dry_run, "Say what would be taken back, and do nothing");
  verb->add_option("--confirm", options->confirmed,
                   "Name of the protected environment that this may change")
      ->type_name("ENV");
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return undo(context, output, *options);
    };
  });
}

}  // namespace vecferry
