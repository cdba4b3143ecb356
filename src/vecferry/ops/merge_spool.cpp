#include "vecferry/ops/merge_spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "vecferry/base/durable_file.h"
#include "vecferry/ops/content_hash.h"
#include "vecferry/transform/remap_ids.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

static_assert(std::is_trivially_copyable_v<Decided>);

constexpr const char* kDoing = "cannot spool what a merge decides";

std::string json_of(const PointId& id) {
  return id.is_uuid ? '"' + to_string(id) + '"' : to_string(id);
}

// One list of the report: the decisions of one fate, source after source.
Status write_list(const MergeReport& report, Fate fate, DurableWriter& file) {
  const char* separator = "\n";
  for (size_t i = 0; i < report.labels.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto all, report.decisions->of_source(static_cast<uint16_t>(i)));
    const std::string label = Json(report.labels[i]).dump();
    for (const Decided& decided : all) {
      if (decided.fate != fate) {
        continue;
      }
      std::string line =
          fmt::format(R"({}    {{"source":{},"id":{},)", separator, label, json_of(decided.id));
      if (fate == Fate::kRemapped) {
        line += fmt::format(R"("new_id":{}}})", json_of(remapped_id(report.labels[i], decided.id)));
      } else {
        line +=
            fmt::format(R"("kept_source":{},"kept_id":{}}})",
                        Json(report.labels[decided.kept_source]).dump(), json_of(decided.kept_id));
      }
      ARROW_RETURN_NOT_OK(file.write(line));
      separator = ",\n";
    }
  }
  return Status::OK();
}

}  // namespace

Result<std::shared_ptr<MergeSpool>> MergeSpool::make() {
  std::string pattern = (fs::temp_directory_path() / "vecferry-merge-XXXXXX").string();
  const int descriptor = ::mkstemp(pattern.data());
  std::FILE* file = descriptor < 0 ? nullptr : ::fdopen(descriptor, "w+b");
  if (file == nullptr) {
    return system_failure(errno, kDoing, pattern);
  }
  std::error_code ignored;
  fs::remove(pattern, ignored);
  return std::shared_ptr<MergeSpool>(new MergeSpool(file));
}

MergeSpool::~MergeSpool() {
  std::fclose(file_);
}

Status MergeSpool::add(const Decided& decided) {
  return std::fwrite(&decided, sizeof decided, 1, file_) == 1
             ? Status::OK()
             : system_failure(errno, kDoing, fs::temp_directory_path().string());
}

Result<std::vector<Decided>> MergeSpool::of_source(uint16_t source) const {
  std::vector<Decided> found;
  std::vector<Decided> page(4096);
  if (std::fflush(file_) != 0 || std::fseek(file_, 0, SEEK_SET) != 0) {
    return system_failure(errno, kDoing, fs::temp_directory_path().string());
  }
  for (;;) {
    const size_t count = std::fread(page.data(), sizeof(Decided), page.size(), file_);
    std::copy_if(page.begin(), page.begin() + static_cast<std::ptrdiff_t>(count),
                 std::back_inserter(found),
                 [source](const Decided& decided) { return decided.source == source; });
    if (count < page.size()) {
      break;
    }
  }
  if (std::ferror(file_) != 0 || std::fseek(file_, 0, SEEK_END) != 0) {
    return system_failure(errno, kDoing, fs::temp_directory_path().string());
  }
  std::sort(found.begin(), found.end(),
            [](const Decided& a, const Decided& b) { return a.id < b.id; });
  return found;
}

Result<std::vector<PointId>> ids_of(const MergeSpool& spool, uint16_t source, MergeList list) {
  ARROW_ASSIGN_OR_RAISE(const auto all, spool.of_source(source));
  std::vector<PointId> ids;
  for (const Decided& decided : all) {
    if ((decided.fate == Fate::kRemapped) == (list == MergeList::kRemapped)) {
      ids.push_back(decided.id);
    }
  }
  return ids;
}

Json summary_of(const MergeReport& report) {
  Json sources = Json::array();
  uint64_t duplicates = 0;
  uint64_t conflicts = 0;
  uint64_t remapped = 0;
  for (size_t i = 0; i < report.labels.size(); ++i) {
    const SourceTally& tally = report.tally.sources[i];
    Json of = Json::object();
    for (size_t other = 0; other < report.labels.size(); ++other) {
      if (tally.duplicates_of[other] > 0) {
        of[report.labels[other]] = tally.duplicates_of[other];
      }
    }
    sources.push_back({{"source", report.labels[i]},
                       {"points", tally.points},
                       {"kept", tally.kept()},
                       {"duplicates", tally.duplicates},
                       {"duplicates_of", std::move(of)},
                       {"conflicts", tally.conflicts},
                       {"remapped", tally.remapped},
                       {"without_key", tally.without_key}});
    duplicates += tally.duplicates;
    conflicts += tally.conflicts;
    remapped += tally.remapped;
  }
  return {{"rules", to_string(report.rules)},
          {"content_hash_version", kContentHashVersion},
          {"target", report.target},
          {"points", report.tally.kept()},
          {"duplicates", duplicates},
          {"conflicts", conflicts},
          {"remapped", remapped},
          {"sources", std::move(sources)}};
}

Status write_report(const MergeReport& report, const fs::path& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, DurableWriter::open(path));
  const std::array<std::pair<Fate, const char*>, 3> lists = {
      {{Fate::kDuplicate, "duplicate_points"},
       {Fate::kConflict, "conflicting_points"},
       {Fate::kRemapped, "remapped_points"}}};
  Json head = {{"format", "vecferry.merge-report"}, {"version", 1}};
  head.update(summary_of(report));
  std::string text = head.dump(2);
  text.resize(text.size() - 2);  // goes on behind the last member
  ARROW_RETURN_NOT_OK(file.write(text));
  for (const auto& [fate, name] : lists) {
    ARROW_RETURN_NOT_OK(file.write(fmt::format(",\n  \"{}\": [", name)));
    ARROW_RETURN_NOT_OK(write_list(report, fate, file));
    ARROW_RETURN_NOT_OK(file.write("\n  ]"));
  }
  ARROW_RETURN_NOT_OK(file.write("\n}\n"));
  return file.close();
}

}  // namespace vecferry
