#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/sync.h"

namespace vecferry {
namespace {

using Seconds = std::chrono::duration<double>;

struct SyncOptions : OperateOptions {
  std::string source{};
  std::string target{};
  bool remove = false;
  std::string max_delete = "10%";
  bool settings = false;
  bool no_backup = false;
  std::string watch{};
  bool once = false;
  bool both = false;
  std::string prefer{};
  std::string report{};
};

// "30s", "5m", "1h", or seconds.
Result<Seconds> parse_interval(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double seconds = unit.empty() || unit == "s" ? 1
                         : unit == "m"               ? 60
                         : unit == "h"               ? 3600
                                                     : 0;
  if (error != std::errc() || !(value > 0) || seconds == 0) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is no interval", text),
                 .next = "write it like 30s, 5m or 1h"});
  }
  return Seconds(value * seconds);
}

Result<OperationPlan> make_plan(const SyncOptions& options, const Planning& planning) {
  const Desk desk{.places = planning.places, .progress = planning.progress, .stop = planning.stop};
  if (options.both) {
    ARROW_ASSIGN_OR_RAISE(auto preference, parse_preference(options.prefer));
    ARROW_ASSIGN_OR_RAISE(auto left, planning.places.typed_target(options.source, planning.stop));
    ARROW_ASSIGN_OR_RAISE(auto right, planning.places.typed_target(options.target, planning.stop));
    return plan_two_way({.left = std::move(left),
                         .right = std::move(right),
                         .preference = std::move(preference),
                         .backup = !options.no_backup,
                         .memory_bytes = planning.memory_bytes},
                        desk);
  }
  ARROW_ASSIGN_OR_RAISE(const auto limit, parse_delete_limit(options.max_delete));
  ARROW_ASSIGN_OR_RAISE(auto source,
                        planning.places.typed_source(options.source, {}, planning.stop));
  ARROW_ASSIGN_OR_RAISE(auto target, planning.places.typed_target(options.target, planning.stop));
  ARROW_ASSIGN_OR_RAISE(auto travel, options.route.parse(planning.names));
  const SyncRequest request{.source = std::move(source),
                            .target = std::move(target),
                            .remove = options.remove,
                            .limit = limit,
                            .settings = options.settings,
                            .backup = !options.no_backup,
                            .travel = std::move(travel),
                            .memory_bytes = planning.memory_bytes};
  return or_nearest_name(plan_sync(request, desk), request.source, planning.stop);
}

Result<int> sync_once(const Context& context, const Output& output, const SyncOptions& options) {
  std::function<Status(const std::filesystem::path&)> write_report;
  const auto plan = [&](const Planning& planning) -> Result<OperationPlan> {
    ARROW_ASSIGN_OR_RAISE(auto made, make_plan(options, planning));
    for (const auto& file : made.files) {
      if (file.name == kConflictReportFile) {
        write_report = file.write;
      }
    }
    return made;
  };
  ARROW_ASSIGN_OR_RAISE(const int code, operate(context, output, options, plan));
  if (code == kExitDone && write_report && !options.report.empty()) {
    ARROW_RETURN_NOT_OK(write_report(options.report));
    output.note("report in " + options.report + "\n");
  }
  return code;
}

Status wait(Seconds interval, const StopToken& stop) {
  const auto until = std::chrono::steady_clock::now() + interval;
  while (std::chrono::steady_clock::now() < until) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return Status::OK();
}

// Until it is told to stop. A place that is away for a while is told of, and tried again.
Result<int> keep_going(const Context& context, const Output& output, SyncOptions options,
                       Seconds interval) {
  options.result_type = "pass";
  for (;;) {
    const auto code = sync_once(context, output, options);
    if (!code.ok()) {
      const ErrorKind kind = kind_of(code.status());
      if (kind != ErrorKind::kUnavailable && kind != ErrorKind::kTimeout) {
        return code.status();
      }
      output.warning(failure_of(code.status()).what);
    } else if (*code != kExitDone) {
      return *code;
    }
    ARROW_RETURN_NOT_OK(wait(interval, context.stop));
  }
}

Status check(const SyncOptions& options) {
  const auto wrong = [](std::string what) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = std::move(what),
                 .next = "`vecferry sync --help` shows what it takes"});
  };
  if (options.both == options.prefer.empty()) {
    return wrong("--both and --prefer belong together");
  }
  if (options.both && (options.remove || options.settings)) {
    return wrong("--both removes nothing and changes no settings");
  }
  if (!options.both && !options.report.empty()) {
    return wrong("--report goes with --both: it tells of conflicts");
  }
  if (!options.report.empty()) {
    ARROW_RETURN_NOT_OK(check_can_write(options.report, "name another file with --report"));
  }
  if (options.once && !options.watch.empty()) {
    return wrong("--once and --watch exclude each other");
  }
  return Status::OK();
}

}  // namespace

void add_sync(CLI::App& app, Context& context) {
  auto options = std::make_shared<SyncOptions>();
  auto* verb =
      app.add_subcommand("sync", "Make one collection equal to another by the smallest change")
          ->footer(
              "Digests are compared first, and only points that differ are written. What "
              "is replaced or removed is backed up: `vecferry undo` brings it back.");
  verb->add_option("SRC", options->source, "The collection or file to follow")->required();
  verb->add_option("DST", options->target, "The collection to change; made when it is not there")
      ->required();
  verb->add_flag("--delete", options->remove, "Remove points that only DST has (asks)");
  verb->add_option("--max-delete", options->max_delete,
                   "Refuse to remove more than this share, or number, of points")
      ->type_name("SHARE")
      ->capture_default_str();
  verb->add_flag(
      "--settings", options->settings,
      "Make the settings of DST those of SRC where they can still change: payload indexes, "
      "index and storage parameters (asks before an index goes)");
  verb->add_option("--watch", options->watch, "Keep going, with this pause: 30s, 5m, 1h")
      ->type_name("INTERVAL");
  verb->add_flag("--once", options->once, "One pass, as without --watch: for cron");
  verb->add_flag("--both", options->both, "Both ways: what one side lacks comes from the other");
  verb->add_option("--prefer", options->prefer,
                   "With --both, of a point that differs: newest:FIELD, left or right")
      ->type_name("SIDE");
  verb->add_option("--report", options->report,
                   "With --both: write which side of each point that differed has stayed (JSON)")
      ->type_name("FILE");
  verb->add_flag("--no-backup", options->no_backup, "Take no backup: then there is no undo");
  add_operate_options(*verb, *options);
  add_route_options(*verb, options->route, RouteScope::kMakes);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) -> Result<int> {
      ARROW_RETURN_NOT_OK(check(*options));
      if (options->watch.empty()) {
        return sync_once(context, output, *options);
      }
      ARROW_ASSIGN_OR_RAISE(const auto interval, parse_interval(options->watch));
      return keep_going(context, output, *options, interval);
    };
  });
}

}  // namespace vecferry
