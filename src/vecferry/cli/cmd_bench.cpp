#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/options.h"
#include "vecferry/cli/places.h"
#include "vecferry/cli/route_options.h"
#include "vecferry/ops/bench.h"

namespace vecferry {
namespace {

struct BenchWords {
  std::string source{};
  std::string target{};
  std::optional<uint64_t> points{};
  uint32_t dim = 384;
  int rounds = 3;
  std::vector<std::string> peers{};
  RouteWords route{};
  std::string memory = "256MiB";
};

// As another program would write it.
std::string url_of(Backend& backend, const std::string& place) {
  const SnapshotStore* store = backend.snapshots();
  return store == nullptr ? place : store->kind().place;
}

std::string estimate_text(const BenchRow& row) {
  if (!row.estimate || !row.estimate->impossible.empty() || row.estimate->whole_seconds() <= 0) {
    return "";
  }
  return fmt::format("{:.2f}", row.estimate->whole_seconds());
}

std::string row_text(const BenchRow& row) {
  std::string text = fmt::format("{} {:<12}", row.chosen ? "*" : " ", row.way);
  const BenchRun& run = row.median;
  if (row.runs > 0) {
    const bool ours = row.command.empty();
    const double rate = run.seconds > 0 ? static_cast<double>(run.points) / run.seconds : 0;
    text +=
        fmt::format("{:>9.2f}{:>9.2f}{:>9}{:>12}{:>9}{:>10}{:>10}", run.seconds, run.green_seconds,
                    ours ? fmt::format("{:.2f}", run.proved_seconds) : "",
                    format_count(static_cast<uint64_t>(rate)),
                    ours ? fmt::format("{:.0f}", static_cast<double>(run.wire_bytes) / 1e6) : "",
                    run.verified ? "yes" : "no", estimate_text(row));
  }
  if (!row.error.empty()) {
    text += (row.runs > 0 ? "  also " : " ") + row.error;
  }
  if (!row.command.empty()) {
    text += fmt::format("  {}", row.command);
  }
  return text + "\n";
}

std::string report_text(const BenchReport& report, const BenchWords& words) {
  std::string text = fmt::format("bench {} -> {}: {} points, medians of {} rounds\n", words.source,
                                 words.target, format_count(report.points), words.rounds);
  text += fmt::format("  {:<12}{:>9}{:>9}{:>9}{:>12}{:>9}{:>10}{:>10}\n", "", "seconds", "green",
                      "proved", "points/s", "MB", "verified", "estimate");
  for (const auto& row : report.rows) {
    text += row_text(row);
  }
  if (!report.choice.reason.empty()) {
    text += fmt::format("* the choice; {}\n", report.choice.reason);
  }
  return text;
}

Result<int> run_bench_verb(const Context& context, const Output& output, const BenchWords& words) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  BenchRequest request{.rounds = words.rounds, .peers = words.peers};
  ARROW_ASSIGN_OR_RAISE(request.travel, words.route.parse(names));
  ARROW_ASSIGN_OR_RAISE(request.limits.memory_bytes, parse_size(words.memory));

  OpenedLocation source;
  if (words.points) {
    request.made = MadePoints{.points = *words.points, .dim = words.dim};
    ARROW_ASSIGN_OR_RAISE(const auto place, parse_place(names.resolve_place(words.source)));
    source.place = to_string(place);
    source.label = source.place;
    ARROW_ASSIGN_OR_RAISE(source.backend,
                          open_place(names, place, {.write = true, .stop = context.stop}));
  } else {
    ARROW_ASSIGN_OR_RAISE(source, open_location(names, words.source, {.stop = context.stop}));
  }
  ARROW_ASSIGN_OR_RAISE(const auto target_place, parse_place(names.resolve_place(words.target)));
  ARROW_ASSIGN_OR_RAISE(const auto target,
                        open_place(names, target_place, {.write = true, .stop = context.stop}));
  request.source = source.endpoint();
  request.target = {.backend = target.get(), .label = to_string(target_place)};
  request.source_url = url_of(*source.backend, source.place);
  request.target_url = url_of(*target, to_string(target_place));

  Progress progress;
  const auto report = [&] {
    const ProgressDisplay display(output, progress);
    return run_bench(
        request,
        [&output](const BenchRun& run) {
          nlohmann::ordered_json line = {{"type", "run"}};
          line.update(to_json(run));
          output.line(line);
        },
        progress, context.stop);
  }();
  if (!report.ok() && !words.points) {
    return with_nearest_name(report.status(), *source.backend, source.collection, context.stop);
  }
  ARROW_RETURN_NOT_OK(report.status());
  output.text(report_text(*report, words));
  nlohmann::ordered_json result = {{"type", "result"},
                                   {"verb", "bench"},
                                   {"source", words.source},
                                   {"target", words.target},
                                   {"rounds", words.rounds}};
  result.update(to_json(*report));
  output.line(result);
  return kExitDone;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto words = std::make_shared<BenchWords>();
  auto* verb =
      app.add_subcommand("bench", "Run the routes between two places side by side, and tell")
          ->footer(
              "Each possible route copies the source into a collection of its own at DST, named "
              "vecferry-bench-…, which is dropped again; in turns, --rounds times. Columns: "
              "seconds until the points are there, until the target is green, until the copy is "
              "read back and compared; MB through this machine; the estimate of the choice, which "
              "is marked *.\n\n"
              "A peer's words are split as a shell does, without one; in them {source} {target} "
              "are the locations, {source_url} {source_collection} {target_url} "
              "{target_collection} their parts. Its collection is counted and compared by digest.");
  verb->add_option("SRC", words->source,
                   "A collection; with --points a place in which one is made, and removed again")
      ->required();
  verb->add_option("DST", words->target, "A place: a server, local:DIR, or a name")->required();
  verb->add_option("--points", words->points, "Make so many points to move")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
  verb->add_option("--dim", words->dim, "Size of the vectors that are made")
      ->type_name("D")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb->add_option("--rounds", words->rounds, "Runs of each, of which the median is told")
      ->type_name("N")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  verb->add_option("--peer", words->peers,
                   "Another program's command to run beside; may be given "
                   "again")
      ->type_name("CMD")
      ->allow_extra_args(false);
  add_route_options(*verb, words->route, RouteScope::kMakes);
  verb->add_option("--memory", words->memory, "Bound on batches in flight")
      ->type_name("SIZE")
      ->capture_default_str();
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return run_bench_verb(context, output, *words);
    };
  });
}

}  // namespace vecferry
