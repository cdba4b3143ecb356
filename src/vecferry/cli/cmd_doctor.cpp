#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/backends/qdrant/doctor.h"
#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/places.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

// A place on this machine either opens or does not.
Result<std::vector<Check>> examine_files(const PlaceNames& names, const Place& place,
                                         const StopToken& stop) {
  const auto opened = open_place(names, place, {.stop = stop});
  const auto listed =
      opened.ok() ? (*opened)->list(stop) : Result<std::vector<CollectionSummary>>(opened.status());
  ARROW_RETURN_NOT_OK(poll(stop));
  if (!listed.ok()) {
    const auto failure = failure_of(listed.status());
    return std::vector<Check>{{CheckLevel::kFail, "place", failure.what, failure.next}};
  }
  return std::vector<Check>{
      {CheckLevel::kOk, "place", fmt::format("opens; {} collections", listed->size()), ""}};
}

Result<int> run_doctor(const Context& context, const Output& output, const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto place, parse_place(names.resolve_place(text)));
  std::vector<Check> checks;
  if (place.kind == PlaceKind::kQdrant) {
    ARROW_ASSIGN_OR_RAISE(const auto server, names.server(place.address));
    ARROW_ASSIGN_OR_RAISE(checks, examine_server(server, context.stop));
  } else {
    ARROW_ASSIGN_OR_RAISE(checks, examine_files(names, place, context.stop));
  }
  const bool fine = std::none_of(checks.begin(), checks.end(), [](const Check& check) {
    return check.level == CheckLevel::kFail;
  });
  Json list = Json::array();
  std::string lines;
  for (const auto& check : checks) {
    list.push_back({{"level", to_string(check.level)},
                    {"topic", check.topic},
                    {"text", check.text},
                    {"next", check.next}});
    lines += fmt::format("{:<4}  {:<11}  {}\n", to_string(check.level), check.topic, check.text);
    if (!check.next.empty()) {
      lines += fmt::format("{:>19}{}\n", "", check.next);
    }
  }
  output.text(lines);
  output.line({{"type", "result"},
               {"verb", "doctor"},
               {"place", to_string(place)},
               {"ok", fine},
               {"checks", list}});
  return fine ? kExitDone : kExitFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto place = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("doctor", "Say what works with a place and what will not");
  verb->footer(
      "Looks at both ports of a server, its version and clock, what the key may do, the cluster, "
      "limits, and loads that were never finished. Changes nothing. Exit status 1 when something "
      "fails.");
  verb->add_option("PLACE", *place, "A server, local:DIR, or a name (default: the default place)");
  verb->callback([&context, place] {
    context.run = [&context, place](const Output& output) {
      return run_doctor(context, output, *place);
    };
  });
}

}  // namespace vecferry
