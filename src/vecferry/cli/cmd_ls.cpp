#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/places.h"
#include "vecferry/ops/endpoint.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

Result<int> list_place(const Context& context, const Output& output, const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto place, parse_place(names.resolve_place(text)));
  ARROW_ASSIGN_OR_RAISE(const auto backend, open_place(names, place, {.stop = context.stop}));
  ARROW_ASSIGN_OR_RAISE(auto collections, backend->list(context.stop));
  const bool live = backend->capabilities().live;
  for (auto& summary : collections) {
    if (live && !summary.points_count) {
      summary.points_count = known_points(*backend, summary.name, context.stop);
      ARROW_RETURN_NOT_OK(poll(context.stop));
    }
  }
  Json listed = Json::array();
  Json aliases = Json::object();
  std::string lines;
  size_t width = 0;
  for (const auto& summary : collections) {
    width = std::max(width, summary.name.size());
  }
  for (const auto& summary : collections) {
    ARROW_ASSIGN_OR_RAISE(const auto config, backend->describe(summary.name, context.stop));
    std::string also;
    for (const auto& alias : config.aliases) {
      aliases[alias] = summary.name;
      also += (also.empty() ? "  also " : ", ") + alias;
    }
    listed.push_back(
        {{"name", summary.name},
         {"points_count", summary.points_count ? Json(*summary.points_count) : Json(nullptr)}});
    lines += fmt::format("{:<{}}  {:>12}{}\n", summary.name, width,
                         summary.points_count ? format_count(*summary.points_count) : "?", also);
  }
  if (collections.empty()) {
    output.note(fmt::format("vecferry: no collections in {}\n", to_string(place)));
  }
  output.text(lines);
  output.line({{"type", "result"},
               {"verb", "ls"},
               {"place", to_string(place)},
               {"collections", listed},
               {"aliases", aliases}});
  return kExitDone;
}

}  // namespace

void add_ls(CLI::App& app, Context& context) {
  auto place = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("ls", "List the collections of a place, with their points");
  verb->add_option("PLACE", *place, "local:DIR, or a file (default: the default place)");
  verb->callback([&context, place] {
    context.run = [&context, place](const Output& output) {
      return list_place(context, output, *place);
    };
  });
}

}  // namespace vecferry
