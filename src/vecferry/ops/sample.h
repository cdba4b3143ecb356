#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/model/point_id.h"
#include "vecferry/ops/endpoint.h"

/// How alike two collections answer searches: what a change of vectors changes.
namespace vecferry {

struct SampleRequest {
  Endpoint a{};
  Endpoint b{};
  std::optional<std::string> vector{};  ///< by name, on both sides; none: the only or unnamed one
  uint64_t queries = 100;
  uint64_t limit = 10;  ///< neighbours of each
};

/// One point that both sides have, and its nearest others on each, best first.
struct SampledQuery {
  PointId id{};
  std::vector<PointId> nearest_a{};
  std::vector<PointId> nearest_b{};
  uint64_t shared = 0;
  double overlap = 0;  ///< shared of the neighbours that there are; 1 where neither has any
};

struct SampleReport {
  std::string vector_a{};
  std::string vector_b{};
  double overlap = 0;                   ///< the mean
  std::vector<SampledQuery> queries{};  ///< the least alike first
};

/// Points are chosen by the hash of their ids: the same ones every time. Neighbours are exact:
/// every point is compared with every query. Reads each side three times; memory for the queries
/// and 100,000 ids.
/// Errors: kUsage when the vector has to be named, kNotFound for one that is not there or when the
/// sides share no point.
Result<SampleReport> compare_neighbours(const SampleRequest& request, StopToken stop);

nlohmann::ordered_json to_json(const SampleReport& report);

}  // namespace vecferry
