#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "vecferry/embed/embedder.h"
#include "vecferry/embed/vector_cache.h"
#include "vecferry/model/payload_path.h"
#include "vecferry/transform/transform.h"

/// New vectors from a text in the payload: `copy --reembed` and `import --reembed`.
namespace vecferry {

struct ReembedRequest {
  std::string text_key = "content";       ///< payload path of the text
  std::optional<std::string> vector{};    ///< by name; none: the unnamed one, or the only one
  Distance distance = Distance::kCosine;  ///< of a vector that is new
  EmbedderOptions embedder{};
  size_t texts_per_request = 64;
  bool skip_missing = false;  ///< a point without a text gets no vector; else it is an error
  std::filesystem::path cache_folder{};
  bool look_only = false;  ///< nothing is embedded and no file is made: for plans
};

/// What all lanes of one run share. Every text is embedded once; what is in the cache is not
/// embedded again, so that reading a source again gives the same vectors.
/// Thread: safe for concurrent use.
class Reembedding {
 public:
  /// `stop` ends what is under way. Errors: kUsage, and those of the cache.
  static Result<std::shared_ptr<Reembedding>> open(ReembedRequest request, StopToken stop);

  const ReembedRequest& request() const { return request_; }
  const PayloadPath& path() const { return path_; }
  const VectorCache& cache() const { return *cache_; }
  std::string label() const { return embedder_->label(); }

  struct Text {
    std::string text{};
    TextKey key{};
    std::string point{};  ///< for messages
  };
  /// Embed these texts, `texts_per_request` at a time, into the cache.
  /// Errors: those of embedding, naming the first point of the request; kInternal with look_only.
  Status embed(std::span<const Text> texts);

 private:
  Reembedding(ReembedRequest request, StopToken stop)
      : request_(std::move(request)), stop_(std::move(stop)) {}
  Status embed_request(std::span<const Text> texts, const StopToken& stop);

  ReembedRequest request_;
  StopToken stop_;
  PayloadPath path_{};
  std::unique_ptr<Embedder> embedder_{};
  std::unique_ptr<VectorCache> cache_{};
};

/// The vector that a re-embedding makes, as the collection will have it: that of `request.vector`,
/// with its distance and settings where it exists, and the new dim.
/// Errors: kUsage when the vector has to be named; kIncompatible for one that is not dense.
Result<VectorSpec> reembedded_vector(const ReembedRequest& request, const CollectionConfig& config);

/// Puts the new vector in place of the old one of that name. Counts, in points: `texts_embedded`,
/// `texts_from_cache`, `texts_missing`.
std::unique_ptr<Transform> reembed(std::shared_ptr<Reembedding> reembedding);

}  // namespace vecferry
