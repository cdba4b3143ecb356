#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/ops/check_archive.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

struct CheckWords {
  std::string archive{};
  std::string sample{};
};

// "5%" or "0.05".
Result<double> parse_share(const std::string& text) {
  if (text.empty()) {
    return 1.0;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  if (unit == "%") {
    value /= 100;
  }
  if (error != std::errc() || (!unit.empty() && unit != "%") || !(value > 0) || value > 1) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is no part of an archive", text),
                 .where = "--sample",
                 .next = "write it like 5%"});
  }
  return value;
}

Json damage_json(const CheckReport& report) {
  Json damage = Json::array();
  for (const auto& each : report.damage) {
    damage.push_back({{"file", each.file}, {"what", each.what}, {"backups", each.backups}});
  }
  return damage;
}

std::string report_text(const CheckReport& report, const std::string& address) {
  std::string text = fmt::format(
      "{}: {} collections, {} backups, {} segments, {} of them read back ({})\n", address,
      format_count(report.collections), format_count(report.backups), format_count(report.segments),
      format_count(report.read), format_bytes(report.bytes));
  for (const auto& each : report.damage) {
    text += fmt::format("  damaged   {}: {}\n", each.file, each.what);
    for (const auto& backup : each.backups) {
      text += fmt::format("            needed by {}\n", backup);
    }
  }
  for (const auto& file : report.unneeded) {
    text += fmt::format("  unneeded  {} (`vecferry prune` removes it)\n", file);
  }
  for (const auto& file : report.strange) {
    text += fmt::format("  strange   {} is no file of an archive\n", file);
  }
  return text + (report.damage.empty() ? "  sound\n" : "");
}

Result<int> check(const Context& context, const Output& output, const CheckWords& words) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto address, chosen_archive(context, names, words.archive));
  ARROW_ASSIGN_OR_RAISE(const auto share, parse_share(words.sample));
  ARROW_ASSIGN_OR_RAISE(const auto archive,
                        open_repository(names, address, RepositoryMode::kSalvage, context.stop));
  Progress progress;
  const auto report = [&] {
    const ProgressDisplay display(output, progress);
    return check_archive(*archive, {.share = share}, progress, context.stop);
  }();
  ARROW_RETURN_NOT_OK(report.status());
  output.text(report_text(*report, address));
  output.line({{"type", "result"},
               {"verb", "check"},
               {"archive", address},
               {"sound", report->damage.empty()},
               {"collections", report->collections},
               {"backups", report->backups},
               {"segments", report->segments},
               {"read", report->read},
               {"bytes", report->bytes},
               {"damage", damage_json(*report)},
               {"unneeded", report->unneeded},
               {"strange", report->strange}});
  return report->damage.empty() ? kExitDone : kExitDifferent;
}

}  // namespace

void add_check(CLI::App& app, Context& context) {
  auto words = std::make_shared<CheckWords>();
  auto* verb = app.add_subcommand("check", "Read an archive back and say what is damaged")
                   ->footer(
                       "Exit status 3 when something is. A damaged file is named with the "
                       "backups that need it.");
  verb->add_option("ARCHIVE", words->archive,
                   "archive:DIR, a folder or s3://… (default: as for backup)");
  verb->add_option("--sample", words->sample,
                   "Read back only a part of the segments, chosen by chance: 5%")
      ->type_name("PART");
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return check(context, output, *words);
    };
  });
}

}  // namespace vecferry
