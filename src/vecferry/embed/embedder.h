#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vecferry/base/error.h"

/// Text to vectors, through an endpoint or a program.
namespace vecferry {

struct EmbedderOptions {
  std::string url{};      ///< of an OpenAI-compatible server; `/v1/embeddings` is added when absent
  std::string command{};  ///< or a program and its arguments, in a shell's words
  std::string model = "all-MiniLM-L6-v2";
  uint32_t dim = 384;
  bool ask_base64 = false;  ///< ask the server for base64, which is half as long as digits
  std::string api_key{};
  std::string ca_file{};  ///< certificates that the server's is held to; empty: the system's
  std::chrono::milliseconds timeout{300'000};        ///< of one request, retries not counted
  std::chrono::milliseconds give_up_after{120'000};  ///< of failing, when the server names no time
  std::chrono::milliseconds first_delay{250};        ///< before the first retry
};

/// Makes vectors of texts.
/// Thread: safe for concurrent use; a program is started for each caller at the same time, and kept
/// for the next.
class Embedder {
 public:
  virtual ~Embedder() = default;

  /// `dim` finite numbers a text, in the order of the texts. What may pass later is tried again,
  /// and what is refused in one request in smaller ones. When it is one text that is not taken,
  /// `*refused` says which.
  /// Errors: kIncompatible for an answer that is not these vectors, kRefused, kNotFound,
  /// kUnavailable, kTimeout; kCancelled within 0.2 s of a stop.
  virtual Result<std::vector<float>> embed(std::span<const std::string> texts,
                                           const StopToken& stop,
                                           std::optional<size_t>* refused) = 0;

  /// Requests that one lane keeps in flight.
  virtual int in_flight() const = 0;

  /// Who makes the vectors, for people; without secrets.
  virtual std::string label() const = 0;
};

/// Nothing is asked or started yet.
/// Errors: kUsage for neither or both of url and command, and for words that are neither.
Result<std::unique_ptr<Embedder>> make_embedder(const EmbedderOptions& options);

/// What tells these vectors from others in the cache: the model and its size, and the program.
std::string identity_of(const EmbedderOptions& options);

}  // namespace vecferry
