#include "vecferry/ops/reembed_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/reembed_text_internal.h"

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kSampledRows = 1000;
constexpr double kCharactersAToken = 4;  // of English; what tokenisers' makers give as a rule
constexpr size_t kShownKeys = 8;
constexpr size_t kRequestsABatch = 8;
constexpr size_t kMostVectorBytes = size_t{4} << 20;  // made of one batch
constexpr size_t kRowBytes = 40;                      // ids and offsets

uint64_t characters_of(std::string_view text) {
  return static_cast<uint64_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // of UTF-8 not the later bytes
  }));
}

// What the first rows of a source say about its texts.
class Sample {
 public:
  Sample(const Reembedding& reembedding, ReembedEstimate& estimate)
      : reembedding_(reembedding), estimate_(estimate) {}

  Status look_at(const PointsView& points) {
    std::vector<float> vector(reembedding_.request().embedder.dim);
    for (int64_t row = 0; row < points.rows() && looked_at() < kSampledRows; ++row) {
      ARROW_ASSIGN_OR_RAISE(const auto text,
                            finder_.find(points.payload(row), reembedding_.path()));
      payload_bytes_ += points.payload(row).size();
      if (text.empty()) {
        ARROW_RETURN_NOT_OK(note_missing(points, row));
        continue;
      }
      ++estimate_.sampled;
      estimate_.sampled_characters += characters_of(text);
      const TextKey key = reembedding_.cache().key_of(text);
      ARROW_ASSIGN_OR_RAISE(const bool kept, reembedding_.cache().find(key, vector));
      const bool known = !seen_.insert(key).second || kept;
      estimate_.sampled_known += known ? 1 : 0;
      if (!known && probe_.size() < reembedding_.request().texts_per_request) {
        probe_.push_back(
            {.text = std::string(text), .key = key, .point = to_string(points.id(row))});
      }
    }
    return Status::OK();
  }

  int64_t looked_at() const {
    return static_cast<int64_t>(estimate_.sampled + estimate_.sampled_missing);
  }

  uint64_t payload_bytes() const { return payload_bytes_; }

  // Points without a text stop the copy later: better now.
  Status check() const {
    if (estimate_.sampled_missing == 0 ||
        (reembedding_.request().skip_missing && estimate_.sampled > 0)) {
      return Status::OK();
    }
    std::string keys;
    for (const auto& key : keys_) {
      keys += (keys.empty() ? "" : ", ") + key;
    }
    std::string next = estimate_.sampled > 0 ? "--embed-missing skip leaves such points without "
                                               "this vector, --where leaves them out"
                                             : "name the payload key of the text with --text-key";
    if (!keys.empty()) {
      next += fmt::format("; these points have text under: {}", keys);
    }
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("no text under '{}' in {} of the first {} points: {}",
                                     reembedding_.request().text_key, estimate_.sampled_missing,
                                     looked_at(), ids_),
                 .next = std::move(next)});
  }

  const std::vector<Reembedding::Text>& probe() const { return probe_; }

 private:
  Status note_missing(const PointsView& points, int64_t row) {
    constexpr uint64_t kShownIds = 5;
    if (estimate_.sampled_missing < kShownIds) {
      ids_ += (ids_.empty() ? "" : ", ") + to_string(points.id(row));
      ARROW_ASSIGN_OR_RAISE(const auto keys, finder_.keys_of_texts(points.payload(row)));
      for (const auto& key : keys) {
        if (keys_.size() < kShownKeys) {
          keys_.insert(key);
        }
      }
    } else if (estimate_.sampled_missing == kShownIds) {
      ids_ += ", …";
    }
    ++estimate_.sampled_missing;
    return Status::OK();
  }

  const Reembedding& reembedding_;
  ReembedEstimate& estimate_;
  TextFinder finder_{};
  std::vector<Reembedding::Text> probe_{};
  std::unordered_set<TextKey, TextKeyHash> seen_{};
  uint64_t payload_bytes_ = 0;
  std::string ids_{};
  std::set<std::string> keys_{};
};

// The source as it is stored: without the transforms, which would embed.
Source untouched(const Source& source) {
  Source plain = copy_of(source);
  plain.transforms.clear();
  plain.vectors = std::vector<std::string>();
  return plain;
}

Status look(const Source& source, Sample& sample, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto reader, open_source(source, {}, stop));
  while (sample.looked_at() < kSampledRows) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      break;
    }
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
    ARROW_RETURN_NOT_OK(sample.look_at(points));
  }
  return Status::OK();
}

// Batches of the usual size would be minutes of embedding, and many times as large afterwards where
// the points had no vectors: a few requests each show progress, and keep memory bounded.
int64_t batch_bytes_for(const ReembedRequest& request, const CollectionConfig& config,
                        uint64_t payload_bytes, int64_t rows) {
  const size_t most = kMostVectorBytes / (request.embedder.dim * sizeof(float));
  const size_t wanted =
      std::max<size_t>(1, std::min(kRequestsABatch * request.texts_per_request, most));
  size_t row_bytes = kRowBytes + payload_bytes / static_cast<size_t>(std::max<int64_t>(1, rows));
  for (const auto& spec : config.vectors) {
    row_bytes += spec.dim * size_of(spec.element);
  }
  return static_cast<int64_t>(wanted * row_bytes);
}

// "1,234,567"
std::string grouped(double value) {
  std::string text = fmt::format("{:.0f}", value);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string duration(double seconds) {
  if (seconds < 120) {
    return fmt::format("{:.0f} s", std::ceil(seconds));
  }
  const double minutes = seconds / 60;
  return minutes < 120 ? fmt::format("{:.0f} min", minutes) : fmt::format("{:.1f} h", minutes / 60);
}

// Cents matter, and of less than a cent the first digits do.
std::string money(double amount) {
  return amount >= 0.01 ? fmt::format("{:.2f}", amount) : fmt::format("{:.2g}", amount);
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Result<ReembedEstimate> estimate_reembedding(const Source& source,
                                             std::optional<uint64_t> expected_points,
                                             Reembedding& reembedding, std::optional<double> price,
                                             StopToken stop) {
  ReembedEstimate estimate{.label = reembedding.label(),
                           .text_key = reembedding.request().text_key,
                           .cache_file = reembedding.cache().file().string(),
                           .cache_vectors = reembedding.cache().size(),
                           .points = expected_points,
                           .price = price};
  Sample sample(reembedding, estimate);
  ARROW_RETURN_NOT_OK(look(untouched(source), sample, stop));
  ARROW_RETURN_NOT_OK(sample.check());
  ARROW_ASSIGN_OR_RAISE(const auto config, source.backend->describe(source.collection, stop));
  estimate.batch_bytes =
      batch_bytes_for(reembedding.request(), config, sample.payload_bytes(), sample.looked_at());
  if (sample.looked_at() < kSampledRows) {
    estimate.points = static_cast<uint64_t>(sample.looked_at());  // that was all
  }
  if (!reembedding.request().look_only && !sample.probe().empty()) {
    const auto start = Clock::now();
    ARROW_RETURN_NOT_OK(reembedding.embed(sample.probe()));
    estimate.probe_texts = sample.probe().size();
    estimate.probe_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  if (estimate.points && estimate.sampled > 0) {
    const double texts = static_cast<double>(*estimate.points) *
                         share(estimate.sampled, sample.looked_at()) *
                         (1 - share(estimate.sampled_known, estimate.sampled));
    estimate.tokens =
        texts * share(estimate.sampled_characters, estimate.sampled) / kCharactersAToken;
    if (estimate.probe_texts > 0) {
      const double left = std::max(0.0, texts - static_cast<double>(estimate.probe_texts));
      estimate.seconds = left * estimate.probe_seconds / static_cast<double>(estimate.probe_texts);
    }
  }
  return estimate;
}

std::vector<std::string> to_lines(const ReembedEstimate& estimate) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format(
      "{} texts under payload key '{}', by {}",
      estimate.points ? grouped(static_cast<double>(*estimate.points)) : std::string("the"),
      estimate.text_key, estimate.label));
  std::string looked = fmt::format("looked at {}: {:.0f} characters each", estimate.sampled,
                                   share(estimate.sampled_characters, estimate.sampled));
  if (estimate.sampled_known > 0) {
    looked += fmt::format(", {} known or repeated", estimate.sampled_known);
  }
  if (estimate.sampled_missing > 0) {
    looked += fmt::format(", and {} points without a text", estimate.sampled_missing);
  }
  lines.push_back(std::move(looked));
  if (estimate.tokens) {
    std::string cost = *estimate.tokens > 0
                           ? fmt::format("about {} tokens to embed", grouped(*estimate.tokens))
                           : "nothing left to embed";
    if (estimate.price && *estimate.tokens > 0) {
      cost += fmt::format(", about {} at {:g} a million",
                          money(*estimate.tokens / 1e6 * *estimate.price), *estimate.price);
    }
    lines.push_back(std::move(cost));
  }
  if (estimate.seconds) {
    lines.push_back(fmt::format("at most about {} (a first request: {} texts in {:.2f} s)",
                                duration(*estimate.seconds), estimate.probe_texts,
                                estimate.probe_seconds));
  }
  lines.push_back(
      fmt::format("vectors are kept in {} ({} there now): a run that is cut off goes on",
                  estimate.cache_file, grouped(static_cast<double>(estimate.cache_vectors))));
  return lines;
}

nlohmann::ordered_json to_json(const ReembedEstimate& estimate) {
  const auto or_null = [](const auto& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  nlohmann::ordered_json json = {{"by", estimate.label},
                                 {"text_key", estimate.text_key},
                                 {"points", or_null(estimate.points)},
                                 {"sampled", estimate.sampled},
                                 {"sampled_characters", estimate.sampled_characters},
                                 {"sampled_known", estimate.sampled_known},
                                 {"sampled_missing", estimate.sampled_missing},
                                 {"tokens", or_null(estimate.tokens)},
                                 {"seconds", or_null(estimate.seconds)},
                                 {"cost", nullptr},
                                 {"probe_texts", estimate.probe_texts},
                                 {"probe_seconds", estimate.probe_seconds},
                                 {"cache", estimate.cache_file},
                                 {"cache_vectors", estimate.cache_vectors}};
  if (estimate.tokens && estimate.price) {
    json["cost"] = *estimate.tokens / 1e6 * *estimate.price;
  }
  return json;
}

}  // namespace vecferry
