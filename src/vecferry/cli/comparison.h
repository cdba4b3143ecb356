#pragma once

#include <string>

#include "vecferry/cli/context.h"
#include "vecferry/cli/options.h"
#include "vecferry/cli/route_options.h"

namespace vecferry {

/// What `verify` and `diff` share.
struct ComparisonOptions {
  RouteWords route{};
  std::string a{};
  std::string b{};
  SelectionOptions selection{};
  std::string distance = "Cosine";
  size_t max_ids = 100;
  bool explain = false;          ///< say what differs in each point
  bool settings_matter = false;  ///< other settings are a difference too
};

void add_comparison_options(CLI::App& verb, ComparisonOptions& options);

Result<int> run_comparison(const Context& context, const Output& output, const std::string& verb,
                           const ComparisonOptions& options);

}  // namespace vecferry
