#include "vecferry/ops/reembed.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "vecferry/model/vector_label.h"
#include "vecferry/pipeline/lane_pool.h"

namespace vecferry {

Result<std::shared_ptr<Reembedding>> Reembedding::open(ReembedRequest request, StopToken stop) {
  std::shared_ptr<Reembedding> opened(new Reembedding(std::move(request), std::move(stop)));
  const auto& asked = opened->request_;
  const auto path = parse_payload_path(asked.text_key);
  const auto is_many = [](const PathStep& step) { return step.kind == PathStep::Kind::kEach; };
  if (!path || std::any_of(path->steps.begin(), path->steps.end(), is_many)) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' names no one place in a payload", asked.text_key),
                 .where = "--text-key",
                 .next = "write it like content, doc.text or parts[0].text"});
  }
  opened->path_ = *path;
  if (asked.vector) {
    ARROW_RETURN_NOT_OK(check_vector_name(*asked.vector));
  }
  ARROW_ASSIGN_OR_RAISE(opened->embedder_, make_embedder(asked.embedder));
  ARROW_ASSIGN_OR_RAISE(
      opened->cache_,
      VectorCache::open(
          asked.cache_folder, identity_of(asked.embedder), asked.embedder.dim,
          asked.look_only ? VectorCache::Access::kRead : VectorCache::Access::kWrite));
  return opened;
}

Status Reembedding::embed(std::span<const Text> texts) {
  if (request_.look_only) {
    return fail({.kind = ErrorKind::kInternal, .what = "a plan embeds nothing"});
  }
  const size_t step = std::max<size_t>(1, request_.texts_per_request);
  const size_t requests = (texts.size() + step - 1) / step;
  return run_side_by_side(
      requests, embedder_->in_flight(), stop_, [&](size_t index, const StopToken& stop) {
        const size_t first = index * step;
        return embed_request(texts.subspan(first, std::min(step, texts.size() - first)), stop);
      });
}

Status Reembedding::embed_request(std::span<const Text> texts, const StopToken& stop) {
  std::vector<std::string> words;
  std::vector<TextKey> keys;
  for (const auto& text : texts) {
    words.push_back(text.text);
    keys.push_back(text.key);
  }
  std::optional<size_t> refused;
  const auto vectors = embedder_->embed(words, stop, &refused);
  if (!vectors.ok()) {
    if (kind_of(vectors.status()) == ErrorKind::kCancelled) {
      return vectors.status();
    }
    const auto& first = texts[refused.value_or(0)].point;
    return widen(vectors.status(),
                 refused || texts.size() == 1
                     ? fmt::format("point {}", first)
                     : fmt::format("point {} and {} after it", first, texts.size() - 1));
  }
  return cache_->add(keys, *vectors);
}

Result<VectorSpec> reembedded_vector(const ReembedRequest& request,
                                     const CollectionConfig& config) {
  VectorSpec made{.distance = request.distance};
  if (request.vector) {
    made.name = *request.vector;
  } else if (config.vectors.size() == 1) {
    made.name = config.vectors.front().name;
  } else if (!config.vectors.empty() && !config.vectors.front().name.empty()) {
    std::string names;
    for (const auto& spec : config.vectors) {
      names += (names.empty() ? "" : ", ") + spec.name;
    }
    return fail({.kind = ErrorKind::kUsage,
                 .what = "the collection has several vectors",
                 .next = fmt::format("say which one is made anew with --embed-vector: {}", names)});
  }
  const auto old = std::find_if(config.vectors.begin(), config.vectors.end(),
                                [&](const VectorSpec& spec) { return spec.name == made.name; });
  if (old != config.vectors.end()) {
    if (old->kind != VectorKind::kDense) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("{} is {}, and embedding makes dense ones",
                                       vector_label(old->name), to_string(old->kind)),
                   .next = "give the new one another name: --embed-vector NAME"});
    }
    made = *old;
  }
  made.dim = request.embedder.dim;
  if (made.element == ElementType::kUint8) {
    made.element = ElementType::kFloat32;  // embeddings are no whole numbers
  }
  return made;
}

}  // namespace vecferry
