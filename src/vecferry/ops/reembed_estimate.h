#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/ops/reembed.h"
#include "vecferry/pipeline/source.h"

/// What a re-embedding will cost, before it starts.
namespace vecferry {

struct ReembedEstimate {
  std::string label{};  ///< who makes the vectors
  std::string text_key{};
  std::string cache_file{};
  uint64_t cache_vectors = 0;        ///< of this model, from earlier runs
  std::optional<uint64_t> points{};  ///< none: known once they are read
  uint64_t sampled = 0;              ///< texts looked at
  uint64_t sampled_characters = 0;
  uint64_t sampled_known = 0;    ///< of them, those in the cache or the same as one before
  uint64_t sampled_missing = 0;  ///< points looked at that have no text
  uint64_t probe_texts = 0;      ///< embedded to see how long it takes; 0: none
  double probe_seconds = 0;
  std::optional<double> tokens{};   ///< to embed, at four characters a token
  std::optional<double> seconds{};  ///< at the pace of the probe, at most
  std::optional<double> price{};    ///< as given, a million tokens
  int64_t batch_bytes = 0;          ///< of the source's batches, so that each is a few requests
};

/// Look at the first texts, and embed one request of them unless the re-embedding only looks; its
/// vectors are kept, so nothing is paid twice.
/// Errors: kIncompatible when points looked at lack the text, naming the keys that hold one; those
/// of embedding and reading.
Result<ReembedEstimate> estimate_reembedding(const Source& source,
                                             std::optional<uint64_t> expected_points,
                                             Reembedding& reembedding, std::optional<double> price,
                                             StopToken stop);

/// Lines for the plan.
std::vector<std::string> to_lines(const ReembedEstimate& estimate);
nlohmann::ordered_json to_json(const ReembedEstimate& estimate);

}  // namespace vecferry
