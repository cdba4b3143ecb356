#include <CLI/CLI.hpp>
#include <memory>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/operate.h"
#include "vecferry/ops/archive.h"

namespace vecferry {
namespace {

struct BackupOptions : OperateOptions {
  std::string source{};
  std::string archive{};
  std::string name{};
  bool whole = false;
  bool native = false;
  int passes = 3;
};

using Planner = Result<OperationPlan> (*)(const BackupRequest&, Desk);

Result<OperationPlan> make_plan(const BackupOptions& options, const Context& context,
                                Planner planner, const Planning& planning) {
  ARROW_ASSIGN_OR_RAISE(auto source,
                        planning.places.typed_source(options.source, {}, planning.stop));
  BackupRequest request{.source = std::move(source),
                        .name = options.name,
                        .whole = options.whole,
                        .native = options.native,
                        .passes = options.passes,
                        .memory_bytes = planning.memory_bytes};
  ARROW_ASSIGN_OR_RAISE(request.travel, options.route.parse(planning.names));
  ARROW_ASSIGN_OR_RAISE(request.archive, chosen_archive(context, planning.names, options.archive));
  auto plan = planner(
      request, {.places = planning.places, .progress = planning.progress, .stop = planning.stop});
  return plan.ok() ? std::move(plan)
                   : with_nearest_name(plan.status(), *request.source.backend,
                                       request.source.collection, planning.stop);
}

CLI::App* add(CLI::App& app, Context& context, const char* name, const char* says,
              Planner planner) {
  auto options = std::make_shared<BackupOptions>();
  auto* verb = app.add_subcommand(name, says);
  verb->add_option("LOC", options->source, "The collection");
  verb->add_option("--to", options->archive,
                   "The archive: a folder, archive:DIR or s3://bucket/prefix (default: the "
                   "configuration's, else beside the journal)")
      ->type_name("ARCHIVE");
  verb->add_option("--name", options->name, "Its name in the archive (default: its own)")
      ->type_name("NAME");
  verb->add_flag("--full", options->whole,
                 "Write the whole collection, not what changed since the backup before");
  verb->add_flag("--native", options->native,
                 "Also keep the server's own files, index included, for the fastest way back");
  verb->add_option("--max-passes", options->passes,
                   "Read a collection that others write to again, until nothing changes any more, "
                   "at most so often")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  add_operate_options(*verb, *options);
  options->route.prefer = "consistent";
  add_route_options(*verb, options->route, RouteScope::kReads);
  verb->callback([&context, options, planner, verb] {
    if (!verb->get_subcommands().empty()) {
      return;  // its own callback has said what to run
    }
    if (options->source.empty()) {
      throw CLI::RequiredError("LOC");
    }
    context.run = [&context, options, planner](const Output& output) {
      return operate(context, output, *options, [&](const Planning& planning) {
        return make_plan(*options, context, planner, planning);
      });
    };
  });
  return verb;
}

}  // namespace

void add_backup(CLI::App& app, Context& context) {
  add(app, context, "backup", "Add a backup of a collection to an archive", plan_backup)
      ->footer(
          "The second backup of a collection writes what has changed since the first. What "
          "was written is read back and compared before the backup is there. "
          "docs/archives.md has a cron line and a systemd timer.");
}

void add_archive(CLI::App& app, Context& context) {
  auto* verb = add(app, context, "archive",
                   "Back a collection up, prove the backup, and drop the collection", plan_archive);
  verb->footer(
      "`vecferry restore NAME` brings it back; `vecferry archives` lists what is archived. "
      "`vecferry archive adopt DIR` takes in a folder that scripts have made.");
  add_adopt(*verb, context);
}

}  // namespace vecferry
