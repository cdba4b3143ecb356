#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/base/temporary_folder.h"
#include "vecferry/cli/archives.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/operate.h"
#include "vecferry/cli/options.h"
#include "vecferry/cli/restore_aside.h"
#include "vecferry/ops/archive.h"

namespace vecferry {
namespace {

struct RestoreOptions : OperateOptions {
  std::string backup{};
  std::string target{};
  std::string archive{};
  std::string as_of{};
  bool drill = false;
  bool allow_partial = false;
  bool index = false;
  SelectionOptions selection{};
};

Result<TypedBackup> backup_of(const Context& context, const PlaceNames& names,
                              const RestoreOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto backup, typed_backup(context, names, options.backup, options.archive));
  if (!options.as_of.empty()) {
    if (!backup.when.empty()) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = "--as-of and NAME@WHEN both say which backup",
                   .where = options.backup});
    }
    backup.when = options.as_of;
  }
  return backup;
}

Result<OperationPlan> make_plan(const RestoreOptions& options, const Context& context,
                                const Planning& planning) {
  ARROW_ASSIGN_OR_RAISE(const auto backup, backup_of(context, planning.names, options));
  RestoreRequest request{.archive = backup.archive,
                         .collection = backup.collection,
                         .when = backup.when,
                         .allow_partial = options.allow_partial,
                         .build_index = options.index,
                         .memory_bytes = planning.memory_bytes};
  ARROW_ASSIGN_OR_RAISE(request.selection, options.selection.parse());
  ARROW_ASSIGN_OR_RAISE(request.travel, options.route.parse(planning.names));
  if (!options.target.empty()) {
    ARROW_ASSIGN_OR_RAISE(request.target,
                          planning.places.typed_target(options.target, planning.stop));
  }
  return plan_restore(
      request, {.places = planning.places, .progress = planning.progress, .stop = planning.stop});
}

Result<int> drill(const Context& context, const Output& output, const RestoreOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto backup, backup_of(context, names, options));
  Progress progress;
  NamedPlaces places(names, progress);
  ARROW_ASSIGN_OR_RAISE(const auto archive, open_repository(names, backup.archive,
                                                            RepositoryMode::kOpen, context.stop));
  ARROW_ASSIGN_OR_RAISE(const auto manifest,
                        archive->find(backup.collection, backup.when, context.stop));
  ARROW_ASSIGN_OR_RAISE(const auto folder, TemporaryFolder::make("drill"));
  RestoreAside request{.verb = "drill",
                       .archive = backup.archive,
                       .folder = folder.path().string(),
                       .build_index = options.index};
  ARROW_ASSIGN_OR_RAISE(request.memory_bytes, parse_size(options.memory));
  const auto receipt = [&] {
    const ProgressDisplay display(output, progress);
    return restore_aside(request, manifest, places, progress, context.stop);
  }();
  ARROW_RETURN_NOT_OK(receipt.status());
  output.text(fmt::format(
      "drill {}@{}: restored, read back and equal: {} points, digest {}\n  took      {}; nothing "
      "of it is left\n",
      manifest.collection, manifest.id, format_count(manifest.points.count),
      to_hex(manifest.points.sum), format_seconds(receipt->seconds())));
  output.line({{"type", "result"},
               {"verb", "drill"},
               {"source", backup_location(backup.archive, manifest.collection, manifest.id)},
               {"backup", manifest.id},
               {"points", manifest.points.count},
               {"verified", true},
               {"digest", to_hex(manifest.points.sum)},
               {"seconds", receipt->seconds()}});
  return kExitDone;
}

}  // namespace

void add_restore(CLI::App& app, Context& context) {
  auto options = std::make_shared<RestoreOptions>();
  auto* verb =
      app.add_subcommand("restore", "Bring a collection back from an archive")
          ->footer(
              "The newest backup, or the one that @WHEN names: a moment (2026-11-23, "
              "2026-11-23T13:20:00Z) or the beginning of an id. A collection that exists is "
              "not touched: restore under another name, or drop it first.");
  verb->add_option("BACKUP", options->backup, "NAME, NAME@WHEN or archive:DIR/NAME@WHEN")
      ->required();
  verb->add_option("LOC", options->target, "Where to (default: where it was taken from)");
  verb->add_option("--from", options->archive, "The archive (default: as for backup)")
      ->type_name("ARCHIVE");
  verb->add_option("--as-of", options->as_of, "The newest backup that is not younger")
      ->type_name("MOMENT");
  verb->add_flag("--drill", options->drill,
                 "Restore to a throw-away local collection, compare, and report");
  verb->add_flag("--allow-partial", options->allow_partial,
                 "Of a damaged backup, restore what is sound; the plan names what is missing");
  verb->add_flag("--index", options->index,
                 "Build the vector index of a local collection now, not when it is first needed");
  add_selection(*verb, options->selection, SelectionScope::kTransfer);
  add_operate_options(*verb, *options);
  add_route_options(*verb, options->route, RouteScope::kMakes);
  verb->callback([&context, options] {
    context.run = [&context, options](const Output& output) -> Result<int> {
      if (options->drill) {
        return drill(context, output, *options);
      }
      return operate(context, output, *options, [&](const Planning& planning) {
        return make_plan(*options, context, planning);
      });
    };
  });
}

}  // namespace vecferry
