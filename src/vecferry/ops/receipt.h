#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "vecferry/digest/digest.h"

namespace vecferry {

/// What an operation did, for the person and for the record. Holds no secrets.
struct Receipt {
  std::string verb{};
  std::string source{};
  std::string target{};
  std::string route = "stream";
  RangeDigest digest{};   ///< of the points written
  uint64_t bytes = 0;     ///< of batches written
  bool verified = false;  ///< read back and equal; false only when it was not asked for
  std::vector<std::string> losses{};
  std::vector<std::string> transforms{};
  std::vector<std::string> notes{};
  std::map<std::string, uint64_t> counts{};  ///< of the transforms, e.g. floats_rounded
  std::chrono::system_clock::time_point started_at{};
  std::chrono::system_clock::time_point finished_at{};
  double copy_seconds = 0;
  double verify_seconds = 0;
  std::string routes{};  ///< JSON: what was estimated of each; empty: there was no choice

  double seconds() const;
};

nlohmann::ordered_json to_json(const Receipt& receipt);

/// "2026-11-23T04:05:06Z"
std::string format_utc(std::chrono::system_clock::time_point time);

/// The program's version, from CMake.
std::string_view program_version();

}  // namespace vecferry
