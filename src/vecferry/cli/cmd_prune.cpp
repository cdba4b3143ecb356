#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/prune.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

struct PruneWords {
  std::string archive{};
  PruneRequest request{};
  bool dry_run = false;
};

Json refs_json(const std::vector<BackupRef>& backups) {
  Json json = Json::array();
  for (const auto& backup : backups) {
    json.push_back(backup.collection + "@" + backup.id);
  }
  return json;
}

std::string plan_text(const PrunePlan& plan, const std::string& address) {
  std::string text = fmt::format("prune {}\n", address);
  for (const auto& backup : plan.kept) {
    text += fmt::format("  keeps     {}@{}\n", backup.collection, backup.id);
  }
  for (const auto& backup : plan.removed) {
    text += fmt::format("  removes   {}@{}\n", backup.collection, backup.id);
  }
  return text + fmt::format("  frees     {} files, {}\n", format_count(plan.files.size()),
                            format_bytes(plan.bytes()));
}

void show(const Output& output, const PrunePlan& plan, const std::string& address, const char* verb,
          bool done) {
  output.line({{"type", "result"},
               {"verb", verb},
               {"archive", address},
               {"dry_run", !done},
               {"kept", refs_json(plan.kept)},
               {"removed", refs_json(plan.removed)},
               {"files", plan.files.size()},
               {"bytes", plan.bytes()}});
}

Result<int> prune(const Context& context, const Output& output, const PruneWords& words) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto address, chosen_archive(context, names, words.archive));
  ARROW_ASSIGN_OR_RAISE(const auto archive,
                        open_repository(names, address, RepositoryMode::kOpen, context.stop));
  ARROW_ASSIGN_OR_RAISE(const auto plan, plan_prune(*archive, words.request, context.stop));
  const std::string text = plan_text(plan, address);
  if (words.dry_run || (plan.removed.empty() && plan.files.empty())) {
    output.text(text + (words.dry_run ? "  dry run   nothing was removed\n" : "  nothing to do\n"));
    show(output, plan, address, "prune", false);
    return kExitDone;
  }
  output.note(text);
  if (!plan.removed.empty()) {
    ARROW_RETURN_NOT_OK(
        ask(context, fmt::format("remove {} backups for good?", plan.removed.size())));
  }
  ARROW_RETURN_NOT_OK(run_prune(archive, words.request, plan, context.stop));
  output.text(fmt::format("removed {} backups and {} files ({}) from {}\n",
                          format_count(plan.removed.size()), format_count(plan.files.size()),
                          format_bytes(plan.bytes()), address));
  show(output, plan, address, "prune", true);
  return kExitDone;
}

Result<int> fold(const Context& context, const Output& output, const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto backup, typed_backup(context, names, text, ""));
  ARROW_ASSIGN_OR_RAISE(const auto archive, open_repository(names, backup.archive,
                                                            RepositoryMode::kOpen, context.stop));
  Progress progress;
  const auto folded = [&] {
    const ProgressDisplay display(output, progress);
    return compact(archive, backup.collection, progress, context.stop);
  }();
  ARROW_RETURN_NOT_OK(folded.status());
  ARROW_ASSIGN_OR_RAISE(const auto now, archive->find(backup.collection, "", context.stop));
  output.text(fmt::format("{}@{}: {}\n", now.collection, now.id,
                          *folded ? fmt::format("{} segments in one layer, {}, read back and equal",
                                                now.segments.size(), format_bytes(now.bytes()))
                                  : std::string("in one layer already: nothing to do")));
  output.line({{"type", "result"},
               {"verb", "compact"},
               {"archive", backup.archive},
               {"backup", now.collection + "@" + now.id},
               {"folded", *folded},
               {"segments", now.segments.size()},
               {"points", now.points.count},
               {"digest", to_hex(now.points.sum)},
               {"bytes", now.bytes()}});
  return kExitDone;
}

}  // namespace

void add_prune(CLI::App& app, Context& context) {
  auto words = std::make_shared<PruneWords>();
  auto* verb =
      app.add_subcommand("prune", "Remove old backups from an archive, by rules of what is kept")
          ->footer(
              "A backup is kept when any rule keeps it; the newest of each collection and "
              "what is marked as archived are kept always. There is no undo: look at "
              "--dry-run first.");
  verb->add_option("ARCHIVE", words->archive,
                   "archive:DIR, a folder or s3://… (default: as for backup)");
  auto& rules = words->request.rules;
  verb->add_option("--keep-last", rules.last, "The last N backups of each collection")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--daily", rules.daily, "The newest of each of the last N days with backups")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--weekly", rules.weekly, "… of each of the last N weeks")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--monthly", rules.monthly, "… of each of the last N months")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--collection", words->request.collection, "Only backups of this collection")
      ->type_name("NAME");
  verb->add_flag("--dry-run", words->dry_run, "Print the plan and remove nothing");
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return prune(context, output, *words);
    };
  });
}

void add_compact(CLI::App& app, Context& context) {
  auto backup = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("compact", "Fold the layers of a collection's newest backup");
  verb->add_option("BACKUP", *backup, "NAME, or archive:DIR/NAME")->required();
  verb->callback([&context, backup] {
    context.run = [&context, backup](const Output& output) {
      return fold(context, output, *backup);
    };
  });
}

}  // namespace vecferry
