#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backends/qdrant/qdrant_options.h"
#include "vecferry/base/error.h"

/// What is right and wrong with a server, before anything is moved.
namespace vecferry {

enum class CheckLevel { kOk, kWarn, kFail };
std::string_view to_string(CheckLevel level);  ///< "ok", "warn", "fail"

struct Check {
  CheckLevel level = CheckLevel::kOk;
  std::string topic{};  ///< "rest", "grpc", "version", "rights", …
  std::string text{};   ///< what was found, and what will not work
  std::string next{};   ///< what to do; may be empty
};

/// Look at both ports, the version, the clock, the rights of the key, the cluster, limits, memory
/// and disk, and loads that were never finished. Changes nothing.
/// Errors: kCancelled; everything else is a check that failed.
Result<std::vector<Check>> examine_server(const QdrantOptions& options, const StopToken& stop);

}  // namespace vecferry
