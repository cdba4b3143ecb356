#pragma once

#include <string>

#include "vecferry/cli/context.h"
#include "vecferry/cli/options.h"
#include "vecferry/cli/places.h"
#include "vecferry/cli/reembed.h"
#include "vecferry/cli/route_options.h"

namespace vecferry {

/// What `copy`, `export` and `import` share: options, plan, run, receipt.
struct TransferOptions {
  SelectionOptions selection{};
  PlaceOptions source{};
  PlaceOptions target{};
  ReembedWords reembed{};  ///< of `copy` and `import`
  RouteWords route{};
  std::string distance = "Cosine";
  std::string memory = "256MiB";
  bool into_existing = false;
  bool no_verify = false;
  bool strict_floats = false;
  bool dry_run = false;
  bool follow_up = false;  ///< of `copy`, with the next
  int max_passes = 0;
  std::string confirmed{};  ///< --confirm: name of a protected environment
};

void add_transfer_options(CLI::App& verb, TransferOptions& options);

/// Plan, show, carry out, show the receipt.
Result<int> transfer(const Context& context, const Output& output, const std::string& verb,
                     const std::string& source, const std::string& target,
                     TransferOptions& options);

}  // namespace vecferry
