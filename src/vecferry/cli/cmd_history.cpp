#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

Json summary_json(const OperationEntry& entry, const Journal& journal) {
  return {{"id", entry.id},
          {"verb", entry.verb},
          {"state", to_string(state_now(entry, journal))},
          {"source", entry.source},
          {"target", entry.target},
          {"started", entry.started},
          {"finished", entry.finished ? Json(*entry.finished) : Json(nullptr)},
          {"error", entry.error ? Json(*entry.error) : Json(nullptr)}};
}

// A journal that was never written to is empty, and looking at it does not make it.
Result<std::unique_ptr<Journal>> open_to_read(const Context& context) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto folder, journal_folder(context, names));
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::path(folder) / "journal.db", ignored)) {
    return nullptr;
  }
  return Journal::open_to_read(folder);
}

Result<int> history(const Context& context, const Output& output, size_t limit) {
  ARROW_ASSIGN_OR_RAISE(const auto journal, open_to_read(context));
  Json operations = Json::array();
  std::string text;
  if (journal != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto entries, journal->list(limit));
    for (const auto& entry : entries) {
      operations.push_back(summary_json(entry, *journal));
      text += fmt::format("{}  {:<8} {:<8} {}  {} -> {}\n", entry.id, entry.verb,
                          to_string(state_now(entry, *journal)), entry.started, entry.source,
                          entry.target);
    }
  }
  output.text(text.empty() ? "no operations yet\n" : text);
  output.line({{"type", "result"}, {"verb", "history"}, {"operations", std::move(operations)}});
  return kExitDone;
}

Result<int> show(const Context& context, const Output& output, const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(const auto journal, open_to_read(context));
  if (journal == nullptr) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = "no operation yet",
                 .where = "journal",
                 .next = "`vecferry history` lists them; --journal DIR names another journal"});
  }
  ARROW_ASSIGN_OR_RAISE(const auto entry, journal->find(id));
  ARROW_ASSIGN_OR_RAISE(const auto steps, journal->steps(entry.id));
  const auto state = state_now(entry, *journal);
  Json json = {{"type", "result"}, {"verb", "show"}, {"operation", summary_json(entry, *journal)}};
  json["plan"] = Json::parse(entry.plan, nullptr, false);
  json["receipt"] = entry.receipt ? Json::parse(*entry.receipt, nullptr, false) : Json(nullptr);
  json["files"] = journal->files_of(entry.id).string();
  std::string text =
      fmt::format("operation {}: {} {} -> {}, {}\n  started   {}\n", entry.id, entry.verb,
                  entry.source, entry.target, to_string(state), entry.started);
  if (entry.finished) {
    text += fmt::format("  ended     {}\n", *entry.finished);
  }
  if (entry.error) {
    text += fmt::format("  error     {}\n", *entry.error);
  }
  json["steps"] = Json::array();
  for (const auto& step : steps) {
    ARROW_ASSIGN_OR_RAISE(const auto parsed, parse_step(step.kind, step.args));
    json["steps"].push_back({{"kind", step.kind},
                             {"says", describe(parsed)},
                             {"state", to_string(step.state)},
                             {"facts", Json::parse(step.result, nullptr, false)}});
    text += fmt::format("  step {}    {}: {}\n", step.number + 1, to_string(step.state),
                        describe(parsed));
  }
  text += fmt::format("  files     {}\n", journal->files_of(entry.id).string());
  if (state == OperationState::kStopped) {
    text +=
        fmt::format("  next      `vecferry resume {}` or `vecferry undo {}`\n", entry.id, entry.id);
  }
  output.text(text);
  if (entry.receipt) {
    output.text(receipt_text(json["receipt"]));
  }
  output.line(json);
  return kExitDone;
}

}  // namespace

void add_history(CLI::App& app, Context& context) {
  auto limit = std::make_shared<size_t>(20);
  auto* verb = app.add_subcommand("history", "List what was done here, newest first");
  verb->add_option("--limit", *limit, "At most so many; 0: all")
      ->type_name("N")
      ->capture_default_str();
  verb->callback([&context, limit] {
    context.run = [&context, limit](const Output& output) {
      return history(context, output, *limit);
    };
  });
}

void add_show(CLI::App& app, Context& context) {
  auto id = std::make_shared<std::string>();
  auto* verb =
      app.add_subcommand("show", "Tell what an operation did, and what can be done about it");
  verb->add_option("OP", *id, "Its id, or the beginning of it")->required();
  verb->callback([&context, id] {
    context.run = [&context, id](const Output& output) { return show(context, output, *id); };
  });
}

}  // namespace vecferry
