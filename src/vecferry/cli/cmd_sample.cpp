#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/places.h"
#include "vecferry/ops/sample.h"

namespace vecferry {
namespace {

constexpr size_t kShownWorst = 5;

struct SampleWords {
  std::string a{};
  std::string b{};
  bool compare = false;
  std::string using_vector{};
  uint64_t queries = 100;
  uint64_t limit = 10;
};

std::string report_text(const SampleReport& report, const SampleWords& words) {
  std::string text = fmt::format(
      "{} against {}: of the {} nearest of a point {:.1f} are the same ({:.1f} %), over {} "
      "points\n",
      words.a, words.b, words.limit, report.overlap * static_cast<double>(words.limit),
      report.overlap * 100, report.queries.size());
  const auto& queries = report.queries;  // the least alike first
  for (size_t i = 0; i < std::min(kShownWorst, queries.size()) && queries[i].overlap < 1; ++i) {
    text += fmt::format("  {:<9} point {}: {} of {} are the same\n", i == 0 ? "worst" : "",
                        to_string(queries[i].id), queries[i].shared,
                        std::max(queries[i].nearest_a.size(), queries[i].nearest_b.size()));
  }
  if (queries.front().overlap < 1) {
    text += fmt::format("  look      `vecferry peek {} --near {}`, and at the other likewise\n",
                        words.a, to_string(queries.front().id));
  }
  return text;
}

Result<int> run_sample(const Context& context, const Output& output, const SampleWords& words) {
  if (!words.compare) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "sample compares, and says so",
                 .next = "add --compare; `vecferry peek` shows points of one collection"});
  }
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto a, open_location(names, words.a, {.stop = context.stop}));
  ARROW_ASSIGN_OR_RAISE(const auto b, open_location(names, words.b, {.stop = context.stop}));
  SampleRequest request{
      .a = a.endpoint(), .b = b.endpoint(), .queries = words.queries, .limit = words.limit};
  if (!words.using_vector.empty()) {
    request.vector = words.using_vector;
  }
  const auto report = compare_neighbours(request, context.stop);
  if (!report.ok()) {
    return with_nearest_name(
        with_nearest_name(report.status(), *a.backend, a.collection, context.stop), *b.backend,
        b.collection, context.stop);
  }
  output.text(report_text(*report, words));
  nlohmann::ordered_json result = {{"type", "result"},
                                   {"verb", "sample"},
                                   {"a", a.label},
                                   {"b", b.label},
                                   {"limit", words.limit}};
  result.update(to_json(*report));
  output.line(result);
  return kExitDone;
}

}  // namespace

void add_sample(CLI::App& app, Context& context) {
  auto words = std::make_shared<SampleWords>();
  auto* verb =
      app.add_subcommand("sample", "Compare the neighbours of some points on two sides")
          ->footer(
              "For a change of vectors, such as after --reembed: how many of a point's "
              "nearest stay. Neighbours are exact; the same points are chosen every time.");
  verb->add_option("A", words->a, "One side: a location or a file")->required();
  verb->add_option("B", words->b, "The other side")->required();
  verb->add_flag("--compare", words->compare, "Compare the nearest of each point");
  verb->add_option("--queries", words->queries, "Points whose neighbours are compared")
      ->type_name("N")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  verb->add_option("--limit", words->limit, "Nearest of each")
      ->type_name("K")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--using", words->using_vector,
                   "The vector to compare by (default: the unnamed or the only one)")
      ->type_name("NAME");
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return run_sample(context, output, *words);
    };
  });
}

}  // namespace vecferry
