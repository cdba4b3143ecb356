#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/alias.h"
#include "vecferry/ops/alias_map.h"

namespace vecferry {
namespace {

struct AliasOptions : OperateOptions {
  std::string alias{};
  std::string collection{};
  bool careful = false;
};

Result<int> list(const Context& context, const Output& output, const std::string& place) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto parsed, parse_place(names.resolve_place(place)));
  ARROW_ASSIGN_OR_RAISE(const auto backend, open_place(names, parsed, {.stop = context.stop}));
  ARROW_ASSIGN_OR_RAISE(const auto aliases, alias_map(*backend, context.stop));
  std::string text;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& [alias, collection] : aliases) {
    text += fmt::format("{} -> {}\n", alias, collection);
    json.push_back({{"alias", alias}, {"collection", collection}});
  }
  output.text(text.empty() ? "no aliases\n" : text);
  output.line({{"type", "result"},
               {"verb", "alias"},
               {"place", to_string(parsed)},
               {"aliases", std::move(json)}});
  return kExitDone;
}

Result<int> change(const Context& context, const Output& output, const AliasOptions& options) {
  return operate(context, output, options, [&](const Planning& planning) -> Result<OperationPlan> {
    ARROW_ASSIGN_OR_RAISE(auto alias, planning.places.typed_target(options.alias, planning.stop));
    AliasRequest request{.alias = std::move(alias), .careful = options.careful};
    if (!options.collection.empty()) {
      request.collection = options.collection;
    }
    return plan_alias(request, planning.stop);
  });
}

void add_change(CLI::App& verb, Context& context, const char* name, const char* says, bool leads,
                bool careful) {
  auto options = std::make_shared<AliasOptions>();
  options->careful = careful;
  auto* act = verb.add_subcommand(name, says);
  act->add_option("NAME", options->alias, "The alias, as PLACE/NAME")->required();
  if (leads) {
    act->add_option("--to", options->collection, "A collection of the same place")
        ->type_name("COLL")
        ->required();
  }
  add_operate_options(*act, *options);
  act->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return change(context, output, *options);
    };
  });
}

}  // namespace

void add_alias(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("alias", "List, set, switch and drop aliases");
  verb->require_subcommand(1);
  auto place = std::make_shared<std::string>();
  auto* all = verb->add_subcommand("list", "Show the aliases of a place");
  all->add_option("PLACE", *place, "A server, local:DIR or a name (default: the default place)");
  all->callback([&context, place] {
    context.run = [&context, place](const Output& output) { return list(context, output, *place); };
  });
  add_change(*verb, context, "set", "Let an alias lead to a collection", true, false);
  add_change(*verb, context, "switch",
             "Move an alias at once, to a collection that is ready and has points", true, true);
  add_change(*verb, context, "drop", "Remove an alias; its collection stays", false, false);
}

}  // namespace vecferry
