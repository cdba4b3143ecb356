#include "vecferry/ops/operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/base/kill_point.h"
#include "vecferry/journal/locks.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/receipt.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// An operation as it lies in the journal, with its steps read.
struct Opened {
  OperationEntry entry{};
  OperationLocks locks{};
  std::vector<Step> steps{};
  std::vector<StepState> states{};
  std::vector<StepFacts> facts{};
};

Json plan_json(const OperationEntry& entry) {
  auto json = Json::parse(entry.plan, nullptr, false);
  return json.is_object() ? json : Json::object();
}

std::vector<std::string> locks_of(const OperationEntry& entry) {
  const Json plan = plan_json(entry);
  std::vector<std::string> locks;
  if (const auto found = plan.find("locks"); found != plan.end() && found->is_array()) {
    for (const auto& lock : *found) {
      locks.push_back(lock.is_string() ? lock.get<std::string>() : std::string());
    }
  }
  return locks;
}

Result<Opened> open_operation(OperationEntry entry, Journal& journal) {
  Opened opened{.entry = std::move(entry)};
  ARROW_ASSIGN_OR_RAISE(opened.locks, OperationLocks::acquire(journal.folder(), opened.entry.id,
                                                              locks_of(opened.entry)));
  // Only now, with the lock, is what the journal says not about to change.
  ARROW_ASSIGN_OR_RAISE(opened.entry, journal.find(opened.entry.id));
  ARROW_ASSIGN_OR_RAISE(const auto steps, journal.steps(opened.entry.id));
  for (const auto& step : steps) {
    ARROW_ASSIGN_OR_RAISE(auto parsed, parse_step(step.kind, step.args));
    ARROW_ASSIGN_OR_RAISE(auto facts, parse_step_facts(step.result));
    opened.steps.push_back(std::move(parsed));
    opened.states.push_back(step.state);
    opened.facts.push_back(std::move(facts));
  }
  return opened;
}

StepRun run_of(const Opened& opened, size_t number, const Workshop& shop) {
  return {.journal = shop.journal,
          .operation = opened.entry.id,
          .number = static_cast<int>(number),
          .places = shop.places,
          .progress = shop.progress,
          .stop = shop.stop,
          .facts = opened.facts[number],
          .all = opened.facts};
}

Status run_step(Opened& opened, size_t number, const Workshop& shop) {
  const int index = static_cast<int>(number);
  StepRun step = run_of(opened, number, shop);
  ARROW_RETURN_NOT_OK(shop.journal.set_step(opened.entry.id, index, StepState::kIntent));
  opened.states[number] = StepState::kIntent;
  VECFERRY_KILL_POINT("step.intended");
  const auto start = Clock::now();
  const Status status =
      std::visit([&](const auto& kind) { return run(kind, step); }, opened.steps[number]);
  step.facts.seconds += std::chrono::duration<double>(Clock::now() - start).count();
  opened.facts[number] = step.facts;
  ARROW_RETURN_NOT_OK(status);
  ARROW_RETURN_NOT_OK(step.note());
  ARROW_RETURN_NOT_OK(shop.journal.set_step(opened.entry.id, index, StepState::kDone));
  opened.states[number] = StepState::kDone;
  VECFERRY_KILL_POINT("step.done");
  return Status::OK();
}

Status run_steps(Opened& opened, const Workshop& shop) {
  for (size_t number = 0; number < opened.steps.size(); ++number) {
    if (opened.states[number] == StepState::kDone) {
      continue;
    }
    ARROW_RETURN_NOT_OK(poll(shop.stop));
    ARROW_RETURN_NOT_OK(run_step(opened, number, shop));
  }
  return Status::OK();
}

// What the stop asked for must not stop the way back.
Status undo_steps(Opened& opened, Workshop shop) {
  shop.stop = StopToken::Unstoppable();
  ARROW_RETURN_NOT_OK(
      shop.journal.set_state(opened.entry.id, OperationState::kUndoing, std::nullopt));
  VECFERRY_KILL_POINT("undo.begun");
  for (size_t number = opened.steps.size(); number-- > 0;) {
    const StepState state = opened.states[number];
    if (state == StepState::kPlanned || state == StepState::kUndone) {
      continue;
    }
    const int index = static_cast<int>(number);
    ARROW_RETURN_NOT_OK(shop.journal.set_step(opened.entry.id, index, StepState::kUndoing));
    VECFERRY_KILL_POINT("undo.intended");
    StepRun step = run_of(opened, number, shop);
    ARROW_RETURN_NOT_OK(
        std::visit([&](const auto& kind) { return undo(kind, step); }, opened.steps[number]));
    opened.facts[number] = step.facts;
    ARROW_RETURN_NOT_OK(step.note());
    ARROW_RETURN_NOT_OK(shop.journal.set_step(opened.entry.id, index, StepState::kUndone));
    opened.states[number] = StepState::kUndone;
    VECFERRY_KILL_POINT("undo.done");
  }
  return Status::OK();
}

// The digest of what the operation made: of its last load, else of its last change.
const StepFacts* main_facts(const Opened& opened) {
  const StepFacts* found = nullptr;
  for (size_t i = 0; i < opened.steps.size(); ++i) {
    const auto kind = kind_of(opened.steps[i]);
    if (kind == "load" || kind == "split" || kind == "change" ||
        ((kind == "backup" || kind == "archive") && found == nullptr)) {
      found = &opened.facts[i];
    }
  }
  return found;
}

// The one that was taken, where the planned one was given up.
std::string route_of(const Opened& opened, std::string planned) {
  for (const auto& facts : opened.facts) {
    if (!facts.route.empty()) {
      return facts.route;
    }
  }
  return planned;
}

Json receipt_of(const Opened& opened) {
  const Json plan = plan_json(opened.entry);
  Json steps = Json::array();
  RangeDigest loaded;
  uint64_t bytes = 0;
  double seconds = 0;
  bool verified = true;
  bool any_load = false;
  std::map<std::string, uint64_t> counts;
  uint64_t removed = 0;
  Json notes = plan.value("notes", Json::array());
  for (size_t i = 0; i < opened.steps.size(); ++i) {
    const StepFacts& facts = opened.facts[i];
    steps.push_back({{"kind", kind_of(opened.steps[i])},
                     {"says", describe(opened.steps[i])},
                     {"state", to_string(opened.states[i])},
                     {"facts", to_json(facts)}});
    seconds += facts.seconds;
    removed += facts.removed;
    // Of a safety backup they tell what is new in the archive, not what was done.
    const bool safety = std::holds_alternative<ArchiveStep>(opened.steps[i]) &&
                        opened.entry.verb != "backup" && opened.entry.verb != "archive";
    for (const auto& [name, count] : safety ? decltype(facts.counts)() : facts.counts) {
      counts[name] += count;
    }
    for (const auto& note : facts.notes) {
      notes.push_back(note);
    }
    if (std::holds_alternative<LoadStep>(opened.steps[i]) ||
        std::holds_alternative<SplitStep>(opened.steps[i])) {
      any_load = true;
      loaded.merge(facts.digest);
      bytes += facts.bytes;
      verified = verified && facts.verified;
    } else if (std::holds_alternative<ChangeStep>(opened.steps[i])) {
      verified = verified && facts.verified;
    }
  }
  if (const auto* facts = main_facts(opened); !any_load && facts != nullptr) {
    loaded = facts->digest;
    bytes = facts->bytes;
  }
  return {{"operation", opened.entry.id},
          {"verb", opened.entry.verb},
          {"source", opened.entry.source},
          {"target", opened.entry.target},
          {"route", route_of(opened, plan.value("route", "stream"))},
          {"routes", plan.value("routes", Json(nullptr))},
          {"points", loaded.count},
          {"verified", verified},
          {"digest", to_hex(loaded.sum)},
          {"digest_version", kDigestVersion},
          {"floats_rounded", counts.count("floats_rounded") > 0 ? counts.at("floats_rounded") : 0},
          {"counts", counts},
          {"removed", removed},
          {"losses", plan.value("losses", Json::array())},
          {"transforms", plan.value("transforms", Json::array())},
          {"notes", std::move(notes)},
          {"details", plan.value("details", Json::object())},
          {"bytes", bytes},
          {"seconds", seconds},
          {"steps", std::move(steps)},
          {"started_at", opened.entry.started},
          {"finished_at", format_utc(std::chrono::system_clock::now())},
          {"version", program_version()}};
}

// Only the place's being away is worth waiting for; all else would fail again.
bool worth_resuming(ErrorKind kind) {
  return kind == ErrorKind::kUnavailable || kind == ErrorKind::kTimeout;
}

std::string both_ways(const std::string& id) {
  return fmt::format("`vecferry resume {}` goes on, `vecferry undo {}` takes back what was done",
                     id, id);
}

Status with_next(const Status& status, const std::string& next) {
  Failure failure = failure_of(status);
  failure.next = failure.next.empty() ? next : failure.next + "; " + next;
  return fail(std::move(failure));
}

Result<OperationEnd> stopped(const Opened& opened, const Status& error, const Workshop& shop) {
  ARROW_RETURN_NOT_OK(
      shop.journal.set_state(opened.entry.id, OperationState::kStopped, failure_of(error).what));
  return OperationEnd{.id = opened.entry.id,
                      .state = OperationState::kStopped,
                      .error = with_next(error, both_ways(opened.entry.id))};
}

Result<OperationEnd> roll_back(Opened& opened, const Status& error, const Workshop& shop) {
  if (worth_resuming(kind_of(error))) {
    return stopped(opened, error, shop);
  }
  const Status undone = undo_steps(opened, shop);
  if (!undone.ok()) {
    Failure failure = failure_of(error);
    failure.what +=
        fmt::format("; and what was done could not be taken back: {}", failure_of(undone).what);
    return stopped(opened, fail(std::move(failure)), shop);
  }
  ARROW_RETURN_NOT_OK(
      shop.journal.set_state(opened.entry.id, OperationState::kFailed, failure_of(error).what));
  return OperationEnd{.id = opened.entry.id, .state = OperationState::kFailed, .error = error};
}

Result<OperationEnd> carry_out(Opened& opened, const Workshop& shop) {
  const Status status = run_steps(opened, shop);
  if (!status.ok()) {
    return roll_back(opened, status, shop);
  }
  const std::string receipt = receipt_of(opened).dump();
  ARROW_RETURN_NOT_OK(shop.journal.set_receipt(opened.entry.id, receipt));
  VECFERRY_KILL_POINT("operation.receipted");
  ARROW_RETURN_NOT_OK(shop.journal.set_state(opened.entry.id, OperationState::kDone, std::nullopt));
  return OperationEnd{.id = opened.entry.id, .state = OperationState::kDone, .receipt = receipt};
}

// A collection that a step made, as it left it.
struct Made {
  std::string target{};
  std::string label{};
  RangeDigest digest{};
};

std::vector<Made> made_by(const Step& step, const StepFacts& facts) {
  if (const auto* load = std::get_if<LoadStep>(&step)) {
    return {{.target = load->target, .label = load->target_label, .digest = facts.digest}};
  }
  std::vector<Made> made;
  if (const auto* split = std::get_if<SplitStep>(&step);
      split != nullptr && facts.parts.size() == split->parts.size()) {
    for (size_t i = 0; i < split->parts.size(); ++i) {
      made.push_back({.target = split->parts[i].target,
                      .label = split->parts[i].label,
                      .digest = facts.parts[i]});
    }
  }
  return made;
}

Status check_untouched(const Made& made, const Workshop& shop) {
  ARROW_ASSIGN_OR_RAISE(const auto target, shop.places.open_target(made.target, false, shop.stop));
  ARROW_ASSIGN_OR_RAISE(const auto config, find_collection(target, shop.stop));
  if (!config) {
    return Status::OK();
  }
  shop.progress.begin(Phase::kVerifying, made.digest.count);
  ARROW_ASSIGN_OR_RAISE(const auto now, digest_of(target, shop.progress, shop.stop));
  if (now == made.digest) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kRefused,
               .what = fmt::format("'{}' was written to since ({} points then, {} now); undoing "
                                   "would lose that",
                                   made.label, made.digest.count, now.count),
               .where = made.label,
               .next = "copy it away first, or add --even-if-changed to lose what was written "
                       "since"});
}

// What the operation made must still be as it left it, or undoing would lose writes.
Status check_untouched(const Opened& opened, const Workshop& shop) {
  for (size_t i = 0; i < opened.steps.size(); ++i) {
    if (opened.states[i] != StepState::kDone) {
      continue;
    }
    for (const auto& made : made_by(opened.steps[i], opened.facts[i])) {
      ARROW_RETURN_NOT_OK(check_untouched(made, shop));
    }
  }
  return Status::OK();
}

// Without a backup (--no-backup) what is gone stays gone: nothing of it is begun to be undone.
Status check_way_back(const Opened& opened) {
  for (size_t i = 0; i < opened.steps.size(); ++i) {
    if (opened.states[i] != StepState::kDone) {
      continue;
    }
    const auto* drop = std::get_if<DropStep>(&opened.steps[i]);
    const auto* change = std::get_if<ChangeStep>(&opened.steps[i]);
    if ((drop == nullptr || drop->backup || drop->aside) &&
        (change == nullptr || change->backup || change->nothing_replaced)) {
      continue;
    }
    return fail({.kind = ErrorKind::kRefused,
                 .what = fmt::format("operation {} cannot be undone: {} without a backup "
                                     "(--no-backup)",
                                     opened.entry.id, describe(opened.steps[i])),
                 .where = fmt::format("{} {} -> {}", opened.entry.verb, opened.entry.source,
                                      opened.entry.target),
                 .next = opened.entry.verb == "rename"
                             ? "rename it back: `vecferry rename NEW OLD`"
                             : "`vecferry archives` shows whether there is an older backup"});
  }
  return Status::OK();
}

Status not_now(const OperationEntry& entry, std::string_view what, std::string next) {
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("operation {} {}", entry.id, what),
               .where = fmt::format("{} {} -> {}", entry.verb, entry.source, entry.target),
               .next = std::move(next)});
}

}  // namespace

Json to_json(const OperationPlan& plan) {
  Json steps = Json::array();
  for (const auto& step : plan.steps) {
    steps.push_back(describe(step));
  }
  Json json = {{"type", "plan"},
               {"verb", plan.verb},
               {"source", plan.source},
               {"target", plan.target},
               {"route", plan.route},
               {"points", plan.points ? Json(*plan.points) : Json(nullptr)},
               {"bytes", plan.bytes ? Json(*plan.bytes) : Json(nullptr)},
               {"seconds", plan.seconds ? Json(*plan.seconds) : Json(nullptr)},
               {"steps", std::move(steps)},
               {"writes", plan.writes},
               {"drops", plan.drops},
               {"losses", plan.losses},
               {"transforms", plan.transforms},
               {"notes", plan.notes},
               {"destructive", plan.destructive},
               {"way_back", plan.way_back}};
  if (!plan.routes.empty()) {
    json["routes"] = Json::parse(plan.routes);
  }
  if (!plan.details.empty()) {
    json["details"] = Json::parse(plan.details);
  }
  return json;
}

Result<OperationEnd> run_operation(const OperationPlan& plan, Workshop shop) {
  ARROW_RETURN_NOT_OK(poll(shop.stop));
  ARROW_ASSIGN_OR_RAISE(const auto id, shop.journal.new_id());
  Opened opened{.entry = {.id = id,
                          .verb = plan.verb,
                          .source = plan.source,
                          .target = plan.target,
                          .started = format_utc(std::chrono::system_clock::now()),
                          .version = std::string(program_version())}};
  Json kept = to_json(plan);
  kept["locks"] = plan.locks;
  opened.entry.plan = kept.dump();
  ARROW_ASSIGN_OR_RAISE(opened.locks,
                        OperationLocks::acquire(shop.journal.folder(), id, plan.locks));
  ARROW_RETURN_NOT_OK(shop.journal.make_files_of(id));
  std::vector<StepEntry> entries;
  for (const auto& step : plan.steps) {
    entries.push_back({.number = static_cast<int>(entries.size()),
                       .kind = std::string(kind_of(step)),
                       .args = to_json(step).dump()});
  }
  for (const auto& file : plan.files) {
    ARROW_RETURN_NOT_OK(file.write(shop.journal.files_of(id) / file.name));
  }
  VECFERRY_KILL_POINT("operation.files_written");
  ARROW_RETURN_NOT_OK(shop.journal.begin(opened.entry, entries));
  opened.steps = plan.steps;
  opened.states.assign(plan.steps.size(), StepState::kPlanned);
  opened.facts.assign(plan.steps.size(), {});
  return carry_out(opened, shop);
}

Result<OperationEnd> resume_operation(std::string_view id, Workshop shop) {
  ARROW_ASSIGN_OR_RAISE(auto entry, shop.journal.find(id));
  ARROW_ASSIGN_OR_RAISE(auto opened, open_operation(std::move(entry), shop.journal));
  switch (opened.entry.state) {
    case OperationState::kDone:
      return not_now(opened.entry, "is done already",
                     fmt::format("`vecferry show {}` tells what it did", opened.entry.id));
    case OperationState::kFailed:
    case OperationState::kUndone:
      return not_now(opened.entry, "was taken back: there is nothing to go on with",
                     "run the command again");
    case OperationState::kUndoing:
      return not_now(opened.entry, "is being taken back",
                     fmt::format("`vecferry undo {}` ends that", opened.entry.id));
    case OperationState::kRunning:
    case OperationState::kStopped:
      break;
  }
  // While a step was being taken back in part, going on would meet it half-way.
  if (std::any_of(opened.states.begin(), opened.states.end(), [](StepState state) {
        return state == StepState::kUndoing || state == StepState::kUndone;
      })) {
    return not_now(opened.entry, "was taken back in part",
                   fmt::format("`vecferry undo {}` ends that", opened.entry.id));
  }
  ARROW_RETURN_NOT_OK(
      shop.journal.set_state(opened.entry.id, OperationState::kRunning, std::nullopt));
  VECFERRY_KILL_POINT("resume.begun");
  return carry_out(opened, shop);
}

Result<OperationEnd> undo_operation(std::string_view id, IfChanged if_changed, Workshop shop) {
  ARROW_ASSIGN_OR_RAISE(auto entry, shop.journal.find(id));
  ARROW_ASSIGN_OR_RAISE(auto opened, open_operation(std::move(entry), shop.journal));
  if (opened.entry.state == OperationState::kUndone ||
      opened.entry.state == OperationState::kFailed) {
    return not_now(opened.entry, "is taken back already", "nothing is left to undo");
  }
  if (opened.entry.state == OperationState::kDone) {
    ARROW_RETURN_NOT_OK(check_way_back(opened));
  }
  if (if_changed == IfChanged::kRefuse && opened.entry.state != OperationState::kUndoing) {
    ARROW_RETURN_NOT_OK(check_untouched(opened, shop));
  }
  const Status status = undo_steps(opened, shop);
  if (!status.ok()) {
    ARROW_RETURN_NOT_OK(
        shop.journal.set_state(opened.entry.id, OperationState::kUndoing, failure_of(status).what));
    return OperationEnd{
        .id = opened.entry.id,
        .state = OperationState::kUndoing,
        .error = with_next(status, fmt::format("`vecferry undo {}` tries again", opened.entry.id))};
  }
  const std::string receipt = receipt_of(opened).dump();
  ARROW_RETURN_NOT_OK(shop.journal.set_receipt(opened.entry.id, receipt));
  ARROW_RETURN_NOT_OK(
      shop.journal.set_state(opened.entry.id, OperationState::kUndone, std::nullopt));
  return OperationEnd{.id = opened.entry.id, .state = OperationState::kUndone, .receipt = receipt};
}

Result<std::vector<std::string>> plan_undo(std::string_view id, Journal& journal) {
  ARROW_ASSIGN_OR_RAISE(const auto entry, journal.find(id));
  ARROW_ASSIGN_OR_RAISE(const auto steps, journal.steps(entry.id));
  std::vector<std::string> sentences;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (step->state == StepState::kPlanned || step->state == StepState::kUndone) {
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto parsed, parse_step(step->kind, step->args));
    sentences.push_back(describe_undo(parsed));
  }
  return sentences;
}

OperationState state_now(const OperationEntry& operation, const Journal& journal) {
  if ((operation.state == OperationState::kRunning ||
       operation.state == OperationState::kUndoing) &&
      !is_running(journal.folder(), operation.id)) {
    return OperationState::kStopped;
  }
  return operation.state;
}

}  // namespace vecferry
