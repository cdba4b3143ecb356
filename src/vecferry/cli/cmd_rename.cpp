#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/rename.h"

namespace vecferry {

void add_rename(CLI::App& app, Context& context) {
  struct Options : OperateOptions {
    std::string source{};
    std::string new_name{};
    bool keep_alias = false;
    bool no_backup = false;
    bool index = false;
  };
  auto options = std::make_shared<Options>();
  auto* verb =
      app.add_subcommand("rename", "Give a collection another name")
          ->footer(
              "Backs up, copies under the new name, proves the copy, moves the aliases in one "
              "request, and drops the old one last. Readers that go through an alias notice "
              "nothing.");
  verb->add_option("OLD", options->source, "The collection")->required();
  verb->add_option("NEW", options->new_name, "Its new name, in the same place")->required();
  verb->add_flag("--keep-alias", options->keep_alias, "Leave OLD as an alias of NEW");
  verb->add_flag("--no-backup", options->no_backup, "Take no backup: then there is no undo");
  verb->add_flag("--index", options->index,
                 "Build the vector index of a local collection now, not when it is first needed");
  add_operate_options(*verb, *options);
  add_route_options(*verb, options->route, RouteScope::kMakes);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) {
      return operate(
          context, output, *options, [&](const Planning& planning) -> Result<OperationPlan> {
            ARROW_ASSIGN_OR_RAISE(auto source,
                                  planning.places.typed_target(options->source, planning.stop));
            ARROW_ASSIGN_OR_RAISE(auto archive, chosen_archive(context, planning.names, ""));
            ARROW_ASSIGN_OR_RAISE(auto travel, options->route.parse(planning.names));
            std::string journal;
            if (planning.names.archive().empty()) {  // one that was named gets the backups
              ARROW_ASSIGN_OR_RAISE(journal, journal_folder(context, planning.names));
            }
            const RenameRequest request{.source = std::move(source),
                                        .new_name = options->new_name,
                                        .keep_alias = options->keep_alias,
                                        .backup = !options->no_backup,
                                        .archive = std::move(archive),
                                        .travel = std::move(travel),
                                        .journal = std::move(journal),
                                        .build_index = options->index,
                                        .memory_bytes = planning.memory_bytes};
            return or_nearest_name(plan_rename(request, planning.places, planning.stop),
                                   request.source, planning.stop);
          });
    };
  });
}

}  // namespace vecferry
