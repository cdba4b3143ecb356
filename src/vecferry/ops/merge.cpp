#include "vecferry/ops/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/model/vector_label.h"
#include "vecferry/ops/id_file.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/merge_decide.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/vector_fit.h"

namespace vecferry {
namespace {

Status check_same_vectors(const std::vector<LoadSource>& sources,
                          const std::vector<OpenedSource>& opened) {
  const auto same = [&](const OpenedSource& source) {
    return std::equal(source.config.vectors.begin(), source.config.vectors.end(),
                      opened.front().config.vectors.begin(), opened.front().config.vectors.end(),
                      fits);
  };
  if (std::all_of(opened.begin(), opened.end(), same)) {
    return Status::OK();
  }
  size_t width = 0;
  for (const auto& source : sources) {
    width = std::max(width, source.label.size());
  }
  std::string table;
  for (size_t i = 0; i < sources.size(); ++i) {
    table += fmt::format("{}{:<{}}  {}", i == 0 ? "" : "\n         ", sources[i].label, width,
                         vector_words(opened[i].config));
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "the sources have different vectors",
               .where = std::move(table),
               .next = "names can be made alike with --rename-vector OLD=NEW or "
                       "SOURCE:OLD=NEW; vectors of another size, kind or distance cannot be "
                       "merged"});
}

Status check_sources(const MergeRequest& request) {
  if (request.sources.size() < 2) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "merge takes two collections or more",
                 .next = "`vecferry clone` copies a single one"});
  }
  for (size_t i = 0; i < request.sources.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (request.sources[i].address == request.sources[j].address) {
        return fail({.kind = ErrorKind::kUsage,
                     .what = fmt::format("'{}' is named twice", request.sources[i].label),
                     .next = "name each source once"});
      }
    }
  }
  return Status::OK();
}

// Each with the renames that it has a use for; one that no source has is a mistake.
Result<std::vector<LoadSource>> open_sources(const MergeRequest& request, PlaceOpener& places,
                                             std::vector<OpenedSource>* all,
                                             const StopToken& stop) {
  std::vector<LoadSource> sources;
  std::vector<bool> used(request.rename_vectors.size());
  for (size_t i = 0; i < request.sources.size(); ++i) {
    LoadSource source = whole_source(request.sources[i]);
    source.reading = request.reading;
    ARROW_ASSIGN_OR_RAISE(const auto config, request.sources[i].backend->describe(
                                                 request.sources[i].collection, stop));
    ARROW_RETURN_NOT_OK(
        choose_reading(reading_part(request.travel), request.sources[i], config, &source, stop)
            .status());
    ARROW_ASSIGN_OR_RAISE(auto opened, open_load_source(source, {}, places, stop));
    if (opened.config.custom_sharding()) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "it has shard keys, so one id may stand for several points",
                   .where = source.label,
                   .next = "copy it into a local: place first, and merge that copy"});
    }
    for (size_t r = 0; r < request.rename_vectors.size(); ++r) {
      const MergeRename& rename = request.rename_vectors[r];
      if (rename.source ? *rename.source == i : opened.config.vector(rename.old_name).ok()) {
        source.selection.rename_vectors.emplace_back(rename.old_name, rename.new_name);
        used[r] = true;
      }
    }
    if (!source.selection.rename_vectors.empty()) {
      ARROW_ASSIGN_OR_RAISE(opened, open_load_source(source, {}, places, stop));
    }
    sources.push_back(std::move(source));
    all->push_back(std::move(opened));
  }
  for (size_t r = 0; r < used.size(); ++r) {
    if (!used[r]) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("no source has {}",
                                       vector_label(request.rename_vectors[r].old_name)),
                   .next = "`vecferry info` shows the vectors of a collection"});
    }
  }
  return sources;
}

// Indexes of all sources; where two are made differently the first one's stays.
std::vector<PayloadIndex> payload_indexes_of(const std::vector<OpenedSource>& opened,
                                             std::vector<std::string>* notes) {
  std::vector<PayloadIndex> indexes;
  for (const auto& source : opened) {
    for (const auto& index : source.config.payload_indexes) {
      const auto found =
          std::find_if(indexes.begin(), indexes.end(),
                       [&](const PayloadIndex& other) { return other.path == index.path; });
      if (found == indexes.end()) {
        indexes.push_back(index);
      } else if (found->schema_json != index.schema_json) {
        notes->push_back(
            fmt::format("payload index '{}' is made as the first source has it", index.path));
      }
    }
  }
  std::sort(indexes.begin(), indexes.end(),
            [](const PayloadIndex& a, const PayloadIndex& b) { return a.path < b.path; });
  return indexes;
}

std::string name_of(std::string_view list, size_t source) {
  return fmt::format("{}-{}.ids", list, source + 1);
}

// The lists that the load reads, written when the operation begins.
void add_lists(const PlannedMerge& merge, LoadStep* load, std::vector<PlannedFile>* files) {
  const auto add = [&](size_t source, MergeList list, const std::string& name) {
    files->push_back({.name = name,
                      .write = [spool = merge.report.decisions, source,
                                list](const std::filesystem::path& path) -> Status {
                        ARROW_ASSIGN_OR_RAISE(const auto ids,
                                              ids_of(*spool, static_cast<uint16_t>(source), list));
                        return write_ids(path, ids);
                      }});
    return name;
  };
  for (size_t i = 0; i < load->sources.size(); ++i) {
    const SourceTally& tally = merge.report.tally.sources[i];
    if (tally.kept() < tally.points) {
      load->sources[i].leave_out = add(i, MergeList::kLeftOut, name_of("leave-out", i));
    }
    if (tally.remapped > 0) {
      load->sources[i].remap = add(i, MergeList::kRemapped, name_of("remap", i));
    }
  }
  files->push_back({.name = std::string(kMergeReportFile),
                    .write = [report = merge.report](const std::filesystem::path& path) {
                      return write_report(report, path);
                    }});
}

std::string count_words(uint64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// What became of each source, for the person.
std::vector<std::string> notes_of(const MergeReport& report) {
  std::vector<std::string> notes;
  for (size_t i = 0; i < report.labels.size(); ++i) {
    const SourceTally& tally = report.tally.sources[i];
    std::string note =
        fmt::format("{}: {} of {} points", report.labels[i], tally.kept(), tally.points);
    for (size_t other = 0; other < report.labels.size(); ++other) {
      if (tally.duplicates_of[other] > 0) {
        note += fmt::format(", {} of {} left out",
                            count_words(tally.duplicates_of[other], "duplicate", "duplicates"),
                            other == i ? "its own" : report.labels[other]);
      }
    }
    if (tally.conflicts > 0) {
      note += fmt::format(", {} left out for another of the same id", tally.conflicts);
    }
    if (tally.remapped > 0) {
      note += fmt::format(", {} under new ids", tally.remapped);
    }
    if (tally.without_key > 0) {
      note += fmt::format(", {} with nothing to compare by", tally.without_key);
    }
    notes.push_back(std::move(note));
  }
  return notes;
}

OperationPlan plan_of(const MergeRequest& request, const PlannedMerge& merge, PlannedLoad load) {
  std::string labels;
  for (const auto& label : merge.report.labels) {
    labels += (labels.empty() ? "" : ", ") + label;
  }
  OperationPlan plan{.verb = "merge",
                     .source = std::move(labels),
                     .target = request.target.label,
                     .points = merge.report.tally.kept(),
                     .way_back = "the sources are not touched; undo drops the merged collection",
                     .details = summary_of(merge.report).dump()};
  say(load, &plan);
  add_lists(merge, &load.step, &plan.files);
  if (request.provenance) {
    for (auto& source : load.step.sources) {
      source.merged_from = source.label;
    }
    plan.transforms.emplace_back("adds payload key merged_from, which names the source");
  }
  if (std::any_of(load.step.sources.begin(), load.step.sources.end(),
                  [](const LoadSource& source) { return !source.remap.empty(); })) {
    plan.transforms.emplace_back(
        "points under new ids keep the former one under payload key merged_id");
  }
  for (auto& note : notes_of(merge.report)) {
    plan.notes.push_back(std::move(note));
  }
  plan.steps.emplace_back(std::move(load.step));
  return plan;
}

}  // namespace

Result<PlannedMerge> plan_merge(const MergeRequest& request, PlaceOpener& places,
                                Progress& progress, StopToken stop) {
  ARROW_RETURN_NOT_OK(check_sources(request));
  std::vector<OpenedSource> opened;
  ARROW_ASSIGN_OR_RAISE(const auto load_sources, open_sources(request, places, &opened, stop));
  ARROW_RETURN_NOT_OK(check_same_vectors(load_sources, opened));
  std::vector<std::string> notes;
  auto indexes = payload_indexes_of(opened, &notes);
  ARROW_ASSIGN_OR_RAISE(auto load, plan_load(load_sources, request.target, &opened, stop,
                                             making_part(request.travel)));
  load.step.build_index = request.build_index;
  load.step.memory_bytes = request.memory_bytes;
  load.step.config.payload_indexes = std::move(indexes);
  load.notes.insert(load.notes.end(), notes.begin(), notes.end());

  PlannedMerge merge;
  merge.report.rules = request.rules;
  merge.report.target = request.target.label;
  std::vector<MergeSource> sources;
  for (size_t i = 0; i < opened.size(); ++i) {
    merge.report.labels.push_back(load_sources[i].label);
    sources.push_back({.points = copy_of(opened[i].points), .label = load_sources[i].label});
  }
  ARROW_ASSIGN_OR_RAISE(auto spool, MergeSpool::make());
  progress.begin(Phase::kComparing, load.points.value_or(0));
  ARROW_ASSIGN_OR_RAISE(merge.report.tally, decide_merge(sources, request.rules, request.lanes,
                                                         *spool, progress, stop));
  merge.report.decisions = std::move(spool);
  merge.plan = plan_of(request, merge, std::move(load));
  ARROW_RETURN_NOT_OK(estimate(opened.front().end, &merge.plan, stop));
  return merge;
}

Result<MergeRename> parse_merge_rename(std::string_view text,
                                       const std::vector<std::string>& sources) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' does not say OLD=NEW", text),
                 .next = "for example --rename-vector text=content, or "
                         "--rename-vector SOURCE:text=content in one source only"});
  }
  MergeRename rename{.old_name = std::string(text.substr(0, equals)),
                     .new_name = std::string(text.substr(equals + 1))};
  size_t longest = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const std::string& source = sources[i];
    if (source.size() >= longest && text.substr(0, source.size() + 1) == source + ':') {
      longest = source.size();
      rename.source = i;
      rename.old_name = std::string(text.substr(longest + 1, equals - longest - 1));
    }
  }
  return rename;
}

}  // namespace vecferry
