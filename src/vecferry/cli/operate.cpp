#include "vecferry/cli/operate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/options.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

std::string plan_text(const OperationPlan& plan) {
  std::string text = fmt::format("{} {}", plan.verb, plan.source);
  if (plan.target != plan.source) {
    text += " -> " + plan.target;
  }
  text += fmt::format(
      "\n  points    {}\n  route     {}\n",
      plan.points ? format_count(*plan.points) : std::string("known once they are read"),
      plan.route);
  if (!plan.route_reason.empty()) {
    text += fmt::format("  because   {}\n", plan.route_reason);
  }
  text += bullets("or", plan.route_lines);
  if (plan.bytes && plan.seconds) {
    text += fmt::format("  about     {}, {}\n", format_bytes(*plan.bytes),
                        format_seconds(*plan.seconds));
  }
  std::vector<std::string> steps;
  for (const auto& step : plan.steps) {
    steps.push_back(fmt::format("{}. {}", steps.size() + 1, describe(step)));
  }
  text += bullets("does", steps);
  text += bullets("writes", plan.writes);
  text += bullets("drops", plan.drops);
  text += bullets("changes", plan.transforms);
  text += bullets("loses", plan.losses);
  text += bullets("note", plan.notes);
  return text + fmt::format("  way back  {}\n", plan.way_back);
}

// A plan may take long to make: who may not write the journal should not wait for it.
Status check_journal(const std::string& folder) {
  std::error_code error;
  auto there = std::filesystem::absolute(folder, error);
  while (!std::filesystem::exists(there, error) && there.has_relative_path()) {
    there = there.parent_path();
  }
  if (std::filesystem::is_directory(there, error) && ::access(there.c_str(), W_OK | X_OK) == 0) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIo,
               .what = fmt::format("the journal cannot be written: no right to write in '{}'",
                                   there.string()),
               .where = folder,
               .next = "name another folder with --journal DIR, or --dry-run to see the plan"});
}

Json end_json(const Json& receipt, const std::string& type) {
  Json json = {{"type", type}};
  for (const char* key : {"verb", "operation", "source", "target", "points", "verified", "digest",
                          "floats_rounded", "route", "seconds", "bytes"}) {
    json[key] = receipt.value(key, Json(nullptr));
  }
  json["receipt"] = receipt;
  return json;
}

// The result of what was not carried out.
Json empty_json(const OperationPlan& plan, const OperateOptions& options, bool verified) {
  return {{"type", options.result_type}, {"verb", plan.verb},     {"operation", nullptr},
          {"source", plan.source},       {"target", plan.target}, {"points", 0},
          {"verified", verified},        {"digest", ""},          {"floats_rounded", 0},
          {"route", plan.route},         {"seconds", 0.0},        {"bytes", 0},
          {"receipt", Json::object()}};
}

Json dry_run_json(const OperationPlan& plan, const OperateOptions& options) {
  Json json = empty_json(plan, options, false);
  json["dry_run"] = true;
  return json;
}

Json nothing_json(const OperationPlan& plan, const OperateOptions& options) {
  Json json = empty_json(plan, options, true);
  json["nothing_to_do"] = true;
  return json;
}

bool has_terminal() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

std::string answer_to(const std::string& question) {
  std::cerr << question << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer;
}

// Does it take away or replace what was there before it?
bool takes_away(const OperationPlan& plan) {
  return plan.destructive ||
         std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
           const auto* change = std::get_if<ChangeStep>(&step);
           return std::holds_alternative<SettingsStep>(step) ||
                  (change != nullptr && !change->nothing_replaced);
         });
}

std::vector<std::string> strings(const Json& json) {
  std::vector<std::string> lines;
  for (const auto& line : json) {
    lines.push_back(line.is_string() ? line.get<std::string>() : line.dump());
  }
  return lines;
}

// Aliases, payload indexes and a drop without a backup: no points were read.
bool tells_of_points(const Json& receipt) {
  const Json steps = receipt.value("steps", Json::array());
  return std::any_of(steps.begin(), steps.end(), [](const Json& step) {
    const std::string kind = step.value("kind", "");
    return kind != "aliases" && kind != "settings" && kind != "drop" && kind != "mark";
  });
}

}  // namespace

void add_operate_options(CLI::App& verb, OperateOptions& options) {
  verb.add_flag("--dry-run", options.dry_run,
                "Print the plan and write nothing, not even the journal");
  verb.add_option("--confirm", options.confirmed,
                  "Name of the protected environment that this may change")
      ->type_name("ENV");
  verb.add_option("--memory", options.memory, "Bound on batches in flight")
      ->type_name("SIZE")
      ->capture_default_str();
}

Result<OperationPlan> or_nearest_name(Result<OperationPlan> plan, const OpenedEnd& end,
                                      const StopToken& stop) {
  return plan.ok() ? std::move(plan)
                   : with_nearest_name(plan.status(), *end.backend, end.collection, stop);
}

Status check_can_write(const std::string& file, const std::string& next) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path path = fs::absolute(file, error);
  const fs::path folder = path.parent_path();
  std::string what;
  if (fs::is_directory(path, error)) {
    what = fmt::format("'{}' is a folder", file);
  } else if (!fs::is_directory(folder, error)) {
    what = fmt::format("there is no folder '{}'", folder.string());
  } else if (::access(folder.c_str(), W_OK | X_OK) != 0 ||
             (fs::exists(path, error) && ::access(path.c_str(), W_OK) != 0)) {
    what = fmt::format("'{}' may not be written", file);
  }
  return what.empty() ? Status::OK()
                      : fail({.kind = ErrorKind::kIo, .what = what, .where = file, .next = next});
}

Result<std::string> journal_folder(const Context& context, const PlaceNames& names) {
  if (!context.journal.empty()) {
    return context.journal;
  }
  if (!names.journal().empty()) {
    return names.journal();
  }
  const std::string state = environment_variable("XDG_STATE_HOME");
  if (!state.empty()) {
    return state + "/vecferry";
  }
  const std::string home = environment_variable("HOME");
  if (home.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "no folder for the journal: HOME is not set",
                 .where = "environment",
                 .next = "name one with --journal DIR"});
  }
  return home + "/.local/state/vecferry";
}

Result<Consent> check_protection(const Context& context, const PlaceNames& names,
                                 const std::vector<std::string>& addresses,
                                 const std::string& confirmed) {
  std::string typed = confirmed;
  bool asked = false;
  for (const auto& address : addresses) {
    const std::string name = names.protecting(address);
    if (name.empty() || name == typed) {
      continue;
    }
    if (!asked && confirmed.empty() && !context.yes && has_terminal()) {
      asked = true;
      typed =
          answer_to(fmt::format("environment '{}' is protected: type its name to go on: ", name));
      if (name == typed) {
        continue;
      }
    }
    return fail({.kind = ErrorKind::kRefused,
                 .what = fmt::format("environment '{}' is protected", name),
                 .where = address,
                 .next = fmt::format("add --confirm {} if you mean it", name)});
  }
  return asked ? Consent::kNameTyped : Consent::kNone;
}

Status ask(const Context& context, const std::string& question) {
  if (context.yes) {
    return Status::OK();
  }
  if (!has_terminal()) {
    return fail({.kind = ErrorKind::kRefused,
                 .what = "this destroys something, and there is no terminal to ask on",
                 .where = question,
                 .next = "add --yes if you mean it, or --dry-run to see the plan"});
  }
  const std::string answer = answer_to(question + " [y/N] ");
  if (answer == "y" || answer == "Y" || answer == "yes") {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kRefused, .what = "not done, as you said"});
}

std::string receipt_text(const Json& receipt) {
  std::string text = fmt::format("{} {}", receipt.value("verb", ""), receipt.value("source", ""));
  if (receipt.value("target", "") != receipt.value("source", "")) {
    text += " -> " + receipt.value("target", "");
  }
  if (tells_of_points(receipt)) {
    text += fmt::format(": {} points\n", format_count(receipt.value("points", uint64_t{0})));
    text += fmt::format("  verified  {}, digest {}\n",
                        receipt.value("verified", false) ? "read back and equal" : "no",
                        receipt.value("digest", ""));
  } else {
    text += '\n';
  }
  if (const auto removed = receipt.value("removed", uint64_t{0}); removed > 0) {
    text += fmt::format("  removed   {} points\n", format_count(removed));
  }
  const Json counts = receipt.value("counts", Json::object());
  for (const auto& [name, count] : counts.items()) {
    if (count.get<uint64_t>() > 0) {
      text += fmt::format("  counted   {}: {} points\n", name, format_count(count.get<uint64_t>()));
    }
  }
  std::vector<std::string> steps;
  for (const auto& step : receipt.value("steps", Json::array())) {
    steps.push_back(fmt::format(
        "{}. {} ({}, {})", steps.size() + 1, step.value("says", ""), step.value("state", ""),
        format_seconds(step.value("facts", Json::object()).value("seconds", 0.0))));
  }
  text += bullets("did", steps);
  text += bullets("changed", strings(receipt.value("transforms", Json::array())));
  text += bullets("lost", strings(receipt.value("losses", Json::array())));
  text += bullets("note", strings(receipt.value("notes", Json::array())));
  return text + fmt::format("  took      {}, {}\n", format_seconds(receipt.value("seconds", 0.0)),
                            format_bytes(receipt.value("bytes", uint64_t{0})));
}

Result<int> show_end(const Output& output, const OperationEnd& end, const std::string& type) {
  if (end.state == OperationState::kFailed) {
    return end.error;
  }
  if (!end.error.ok()) {
    output.error(failure_of(end.error), kExitPartial);
    return kExitPartial;
  }
  const Json receipt = Json::parse(end.receipt, nullptr, false);
  output.line(end_json(receipt, type));
  output.text(
      receipt_text(receipt) +
      (end.state == OperationState::kUndone
           ? fmt::format("  state     undone: all is as before operation {}\n", end.id)
           : fmt::format("  operation {} (`vecferry undo {}` takes it back)\n", end.id, end.id)));
  return kExitDone;
}

Result<int> operate(const Context& context, const Output& output, const OperateOptions& options,
                    const PlanMaker& make_plan) {
  Progress progress;
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  NamedPlaces places(names, progress);
  Planning planning{.names = names, .places = places, .progress = progress, .stop = context.stop};
  ARROW_ASSIGN_OR_RAISE(planning.memory_bytes, parse_size(options.memory));
  std::string folder;
  if (!options.dry_run) {
    ARROW_ASSIGN_OR_RAISE(folder, journal_folder(context, names));
    ARROW_RETURN_NOT_OK(check_journal(folder));
  }
  const auto planned = [&] {
    const ProgressDisplay display(output, progress);  // some plans compare first
    return make_plan(planning);
  }();
  ARROW_RETURN_NOT_OK(planned.status());
  const OperationPlan& plan = *planned;
  output.line(to_json(plan));
  if (plan.steps.empty()) {
    output.text(fmt::format("{} {} -> {}: nothing to do\n", plan.verb, plan.source, plan.target) +
                bullets("note", plan.notes));
    output.line(nothing_json(plan, options));
    return kExitDone;
  }
  if (options.dry_run) {
    output.text(plan_text(plan) + "  dry run   nothing was written\n");
    output.line(dry_run_json(plan, options));
    return kExitDone;
  }
  output.note(plan_text(plan));
  Consent consent = Consent::kNone;
  if (takes_away(plan)) {
    ARROW_ASSIGN_OR_RAISE(consent, check_protection(context, names, plan.locks, options.confirmed));
  }
  if (plan.destructive && consent == Consent::kNone) {
    ARROW_RETURN_NOT_OK(ask(context, fmt::format("{} {}?", plan.verb, plan.source)));
  }
  ARROW_ASSIGN_OR_RAISE(const auto journal, Journal::open(folder));
  const auto end = [&] {
    const ProgressDisplay display(output, progress);
    return run_operation(
        plan, {.journal = *journal, .places = places, .progress = progress, .stop = context.stop});
  }();
  ARROW_RETURN_NOT_OK(end.status());
  return show_end(output, *end, options.result_type);
}

}  // namespace vecferry
