#include "vecferry/cli/app.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "vecferry/base/log.h"
#include "vecferry/base/near_miss.h"
#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/options.h"
#include "vecferry/ops/receipt.h"

namespace vecferry {
namespace {

constexpr const char* kDescription =
    "vecferry moves collections of vectors: completely, provably, undoably and fast.\n\n"
    "A location is PLACE/COLLECTION, such as http://host:6333/docs or local:DIR/docs, or a file:\n"
    "docs.json, docs.jsonl, docs.parquet, docs.snapshot (each also .zst), or - for stdin and "
    "stdout.";

constexpr const char* kFooter =
    "Examples:\n"
    "  vecferry import docs.json local:store/docs     take in what a script exported\n"
    "  vecferry ls local:store                        what is there\n"
    "  vecferry peek local:store/docs --limit 3       a look at some points\n"
    "  vecferry copy local:store/docs docs.parquet    copy, read back, compare\n"
    "  vecferry verify local:store/docs docs.parquet  prove that both are the same\n\n"
    "`vecferry VERB --help` tells more. Exit status: 0 done, 1 failed with nothing left behind,\n"
    "2 usage, 3 differences found, 4 stopped part-way, 5 not found, 6 incompatible, 7 in use.";

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* verb : app.get_subcommands({})) {
    names.push_back(verb->get_name());
  }
  return names;
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return did_you_mean(word, views);
}

// CLI11 names what it could not place; we add what was probably meant.
Failure usage_failure(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  Failure failure{.kind = ErrorKind::kUsage, .what = error.what()};
  const CLI::App* verb = nullptr;
  for (const auto* candidate : app.get_subcommands()) {
    verb = candidate;
  }
  if (verb == nullptr) {
    failure.next = "`vecferry --help` lists the verbs";
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      if (word.empty() || word[0] == '-') {
        continue;
      }
      failure.what = fmt::format("no verb '{}'{}", word, suggestion(word, verb_names(app)));
      return failure;
    }
    if (argc == 1) {
      failure.what = "no verb";
    }
    return failure;
  }
  failure.next = fmt::format("`vecferry {} --help` shows what it takes", verb->get_name());
  auto known = flag_names(*verb);
  const auto global = flag_names(app);
  known.insert(known.end(), global.begin(), global.end());
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    word = word.substr(0, word.find('='));
    if (word.rfind("--", 0) != 0 || word.size() < 3 ||
        std::find(known.begin(), known.end(), word) != known.end()) {
      continue;
    }
    failure.what =
        fmt::format("no option '{}' for {}{}", word, verb->get_name(), suggestion(word, known));
    break;
  }
  return failure;
}

int finish_with_error(const Output& output, const Status& status, const SignalWatcher& signals) {
  const Failure failure = failure_of(status);
  int code = exit_code_for(failure.kind);
  if (failure.kind == ErrorKind::kCancelled) {
    code = signals.exit_code().value_or(code);
  }
  output.error(failure, code);
  return code;
}

// On stderr, each once however often it comes: places are opened several times in a run.
class WarningsOnce {
 public:
  void operator()(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
    if (level != LogLevel::kWarning) {
      return;
    }
    std::string text(message);
    for (const auto& [name, value] : fields) {
      text += fmt::format("; {}: {}", name, value);
    }
    const std::lock_guard lock(shown_->mutex);
    if (shown_->texts.insert(text).second) {
      fmt::print(stderr, "vecferry: warning: {}\n", text);
    }
  }

 private:
  struct Shown {
    std::mutex mutex{};
    std::set<std::string> texts{};
  };
  std::shared_ptr<Shown> shown_ = std::make_shared<Shown>();
};

}  // namespace

int run_app(int argc, char** argv, SignalWatcher& signals) {
  Context context;
  context.stop = signals.token();
  CLI::App app(kDescription, "vecferry");
  app.footer(kFooter);
  app.set_version_flag("--version", "vecferry " + std::string(program_version()));
  app.add_flag("--json", context.output.json,
               "Answer in JSON Lines on stdout (docs/json-output.md)");
  app.add_flag("--quiet,-q", context.output.quiet, "No progress and no notes on stderr");
  app.add_flag("--yes,-y", context.yes, "Do not ask before what cannot be taken back");
  app.add_option("--config", context.config_file, "Configuration file (default: vecferry.toml)")
      ->type_name("FILE");
  app.add_option("--journal", context.journal,
                 "Folder of the journal and its backups (default: ~/.local/state/vecferry)")
      ->type_name("DIR");
  add_network_options(app, context.network);
  app.require_subcommand(1);
  app.fallthrough();
  for (auto* add :
       {add_copy,     add_export,  add_import, add_clone,  add_rename,  add_merge,   add_split,
        add_sync,     add_alias,   add_empty,  add_drop,   add_verify,  add_diff,    add_doctor,
        add_ls,       add_info,    add_peek,   add_sample, add_serve,   add_backup,  add_archive,
        add_archives, add_restore, add_check,  add_prune,  add_compact, add_history, add_bench,
        add_show,     add_resume,  add_undo}) {
    add(app, context);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const bool json = std::any_of(argv, argv + argc,
                                  [](const char* word) { return std::string(word) == "--json"; });
    Output({.json = json}).error(usage_failure(app, error, argc, argv), kExitUsage);
    return kExitUsage;
  }
  const Output output(context.output);
  if (!context.output.quiet) {
    set_log_sink(WarningsOnce());
  }
  const Result<int> code = context.run(output);
  return code.ok() ? *code : finish_with_error(output, code.status(), signals);
}

}  // namespace vecferry
