#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/cli/environment.h"
#include "vecferry/model/config.h"
#include "vecferry/ops/selection.h"

namespace CLI {
class App;
}

namespace vecferry {

/// `--where --select-payload --drop-payload --vectors --rename-vector --provenance --limit` as
/// typed.
struct SelectionOptions {
  std::string where{};
  std::vector<std::string> select_payload{};
  std::vector<std::string> drop_payload{};
  std::vector<std::string> vectors{};
  std::vector<std::string> rename_vectors{};
  bool provenance = false;
  std::optional<uint64_t> limit{};

  /// Errors: kUsage with the place in the text.
  Result<Selection> parse() const;
};

enum class SelectionScope { kCompare, kTransfer };
void add_selection(CLI::App& verb, SelectionOptions& options, SelectionScope scope);

/// `--transport --ca-file --max-points-per-second --lanes --key-file --no-wait-index`, for every
/// verb.
void add_network_options(CLI::App& app, NetworkOptions& options);

/// A distance as it is typed for files that do not say theirs.
/// Errors: kUsage with those there are.
Result<Distance> distance_of(const std::string& text);

/// "256MiB", "1GiB", "500M", "64k" (powers of 1024), or bytes.
/// Errors: kUsage.
Result<int64_t> parse_size(const std::string& text);

/// `--follow-up`, `--max-passes`.
void add_follow_up_options(CLI::App& verb, bool& follow_up, int& max_passes);
/// How many passes they allow at most: none without `--follow-up`; else until nothing changes.
int passes_of(bool follow_up, int max_passes);

}  // namespace vecferry
