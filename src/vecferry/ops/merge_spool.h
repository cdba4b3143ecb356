#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "vecferry/ops/merge_rules.h"

namespace vecferry {

/// Decisions of a merge, kept in a temporary file without a name until they are wanted: a dry run
/// leaves nothing behind, and memory does not grow with them.
/// Thread: one caller at a time.
class MergeSpool : public DecisionSink {
 public:
  /// Errors: kIo.
  static Result<std::shared_ptr<MergeSpool>> make();
  ~MergeSpool() override;
  MergeSpool(const MergeSpool&) = delete;
  MergeSpool& operator=(const MergeSpool&) = delete;

  Status add(const Decided& decided) override;
  /// What was decided of one source, by id. Memory: 80 bytes a decision.
  Result<std::vector<Decided>> of_source(uint16_t source) const;

 private:
  explicit MergeSpool(std::FILE* file) : file_(file) {}
  std::FILE* file_;
};

/// The ids of one source that are left out, or that become others; ascending.
enum class MergeList { kLeftOut, kRemapped };
Result<std::vector<PointId>> ids_of(const MergeSpool& spool, uint16_t source, MergeList list);

/// Write the report: rules, sources and counts, and every decision with both ids, as JSON.
/// The file is whole or absent. Errors: kIo.
/// Source: docs/merge-and-split.md, "The report".
struct MergeReport {
  MergeRules rules{};
  std::string target{};
  std::vector<std::string> labels{};
  MergeTally tally{};
  std::shared_ptr<const MergeSpool> decisions{};
};
Status write_report(const MergeReport& report, const std::filesystem::path& path);

/// The report without the single decisions.
nlohmann::ordered_json summary_of(const MergeReport& report);

}  // namespace vecferry
