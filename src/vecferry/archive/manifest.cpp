#include "vecferry/archive/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned kVersion = 1;
constexpr const char* kManifestFormat = "vecferry-manifest";
constexpr const char* kMarkFormat = "vecferry-archived";
constexpr size_t kHexDigits = 64;
constexpr uint64_t kMostLayers = 1 << 20;  // far more than can be; what follows may add to it
constexpr std::array<std::string_view, 3> kConsistencies{"point_in_time", "quiet", "moving"};

Json id_json(const PointId& id) {
  return id.is_uuid ? Json(to_string(id)) : Json(id.number);
}

// Thrown and caught in this file alone, where nlohmann throws as well.
struct BadManifest {
  std::string what;
};

// Of its own accord nlohmann makes numbers of truth values, and cuts fractions and signs off.
uint64_t number_of(const Json& json) {
  if (!json.is_number_unsigned()) {
    throw BadManifest{fmt::format("'{}' is no count", json.dump())};
  }
  return json.get<uint64_t>();
}

int layer_of(const Json& json) {
  const uint64_t layer = number_of(json);
  if (layer > kMostLayers) {
    throw BadManifest{fmt::format("no layer {}", layer)};
  }
  return static_cast<int>(layer);
}

PointId id_of(const Json& json) {
  if (json.is_number_unsigned()) {
    return PointId::of(json.get<uint64_t>());
  }
  const auto uuid = parse_uuid(json.get<std::string>());
  if (!uuid) {
    throw BadManifest{fmt::format("'{}' is no point id", json.get<std::string>())};
  }
  return PointId::of(*uuid);
}

Digest128 digest_of(const Json& json) {
  const auto digest = digest_from_hex(json.get<std::string>());
  if (!digest) {
    throw BadManifest{fmt::format("'{}' is no digest", json.get<std::string>())};
  }
  return *digest;
}

std::string sha_of(const Json& json) {
  auto text = json.get<std::string>();
  if (text.size() != kHexDigits ||
      text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw BadManifest{fmt::format("'{}' is no SHA-256", text)};
  }
  return text;
}

Consistency consistency_of(const Json& json) {
  const auto text = json.get<std::string>();
  const auto* const found = std::find(kConsistencies.begin(), kConsistencies.end(), text);
  if (found == kConsistencies.end()) {
    throw BadManifest{fmt::format("no consistency '{}'", text)};
  }
  return static_cast<Consistency>(found - kConsistencies.begin());
}

Json segment_json(const SegmentRef& segment) {
  return {{"sha256", segment.sha256},        {"bytes", segment.bytes},
          {"layer", segment.layer},          {"points", segment.points},
          {"deleted", segment.deleted},      {"digest", to_hex(segment.digest)},
          {"first", id_json(segment.first)}, {"last", id_json(segment.last)}};
}

SegmentRef segment_of(const Json& json) {
  return {.sha256 = sha_of(json.at("sha256")),
          .bytes = number_of(json.at("bytes")),
          .layer = layer_of(json.at("layer")),
          .points = number_of(json.at("points")),
          .deleted = number_of(json.at("deleted")),
          .digest = digest_of(json.at("digest")),
          .first = id_of(json.at("first")),
          .last = id_of(json.at("last"))};
}

Json native_json(const NativeRef& native) {
  Json shards = Json::array();
  for (const auto& shard : native.shards) {
    shards.push_back({{"id", shard.id},
                      {"key", shard.key ? Json(*shard.key) : Json(nullptr)},
                      {"bytes", shard.bytes},
                      {"sha256", shard.sha256}});
  }
  return {{"sha256", native.sha256},
          {"bytes", native.bytes},
          {"version", native.version},
          {"shards", std::move(shards)}};
}

NativeShard shard_of(const Json& json) {
  const uint64_t id = number_of(json.at("id"));
  if (id > UINT32_MAX) {
    throw BadManifest{fmt::format("no shard {}", id)};
  }
  const Json& key = json.at("key");
  return {.id = static_cast<uint32_t>(id),
          .key = key.is_null() ? std::nullopt : std::optional(key.get<std::string>()),
          .bytes = number_of(json.at("bytes")),
          .sha256 = sha_of(json.at("sha256"))};
}

std::optional<NativeRef> native_of(const Json& json) {
  if (json.is_null()) {
    return std::nullopt;
  }
  NativeRef native{.sha256 = sha_of(json.at("sha256")),
                   .bytes = number_of(json.at("bytes")),
                   .version = json.at("version").get<std::string>()};
  for (const auto& shard : json.value("shards", Json::array())) {
    native.shards.push_back(shard_of(shard));
  }
  return native;
}

Manifest manifest_of(const Json& json) {
  Manifest manifest{.collection = json.at("collection").get<std::string>(),
                    .id = json.at("id").get<std::string>(),
                    .time = json.at("time").get<std::string>(),
                    .source = json.at("source").get<std::string>(),
                    .program = json.at("program").get<std::string>(),
                    .route = json.at("route").get<std::string>(),
                    .consistency = consistency_of(json.at("consistency")),
                    .settled = json.at("settled").get<bool>()};
  manifest.points = {.count = number_of(json.at("points")), .sum = digest_of(json.at("digest"))};
  if (number_of(json.at("digest_version")) != kDigestVersion) {
    throw BadManifest{"its digests are of another version"};
  }
  const auto config = parse_collection_config(json.at("config").dump());
  if (!config.ok()) {
    throw BadManifest{failure_of(config.status()).what};
  }
  manifest.config = *config;
  if (const auto& parent = json.at("parent"); !parent.is_null()) {
    manifest.parent = parent.get<std::string>();
  }
  manifest.added = number_of(json.at("added"));
  manifest.changed = number_of(json.at("changed"));
  manifest.removed = number_of(json.at("removed"));
  if (!json.at("segments").is_array()) {
    throw BadManifest{"its segments are no list"};
  }
  for (const auto& segment : json.at("segments")) {
    manifest.segments.push_back(segment_of(segment));
  }
  manifest.native = native_of(json.at("native"));
  return manifest;
}

ArchivedMark mark_of(const Json& json) {
  return {.collection = json.at("collection").get<std::string>(),
          .time = json.at("time").get<std::string>(),
          .source = json.at("source").get<std::string>(),
          .backup = json.at("backup").get<std::string>(),
          .operation = json.at("operation").get<std::string>()};
}

template <typename T>
Result<T> parsed(std::string_view text, const char* format, const std::string& where,
                 T (*read)(const Json&)) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format") != format) {
      throw BadManifest{fmt::format("it is no {}", format)};
    }
    if (const uint64_t version = number_of(json.at("version")); version > kVersion) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("'{}' is of version {}, this program knows up to {}", where,
                                       version, kVersion),
                   .where = where,
                   .next = "use a newer vecferry"});
    }
    return read(json);
  } catch (const BadManifest& bad) {
    return fail({.kind = ErrorKind::kCorrupt, .what = bad.what, .where = where});
  } catch (const Json::exception& error) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("'{}' cannot be read: {}", where, error.what()),
                 .where = where});
  }
}

}  // namespace

std::string SegmentRef::path() const {
  return fmt::format("segments/{}/{}.parquet", sha256.substr(0, 2), sha256);
}

bool SegmentRef::overlaps(const IdRange& range) const {
  return (!range.to || first < *range.to) && (!range.from || *range.from <= last);
}

std::string_view to_string(Consistency consistency) {
  return kConsistencies.at(static_cast<size_t>(consistency));
}

int Manifest::layers() const {
  int highest = -1;
  for (const auto& segment : segments) {
    highest = std::max(highest, segment.layer);
  }
  return highest + 1;
}

uint64_t Manifest::bytes() const {
  uint64_t total = 0;
  for (const auto& segment : segments) {
    total += segment.bytes;
  }
  return total;
}

std::string to_json(const Manifest& manifest) {
  Json segments = Json::array();
  for (const auto& segment : manifest.segments) {
    segments.push_back(segment_json(segment));
  }
  const Json json = {{"format", kManifestFormat},
                     {"version", kVersion},
                     {"collection", manifest.collection},
                     {"id", manifest.id},
                     {"time", manifest.time},
                     {"source", manifest.source},
                     {"program", manifest.program},
                     {"route", manifest.route},
                     {"consistency", to_string(manifest.consistency)},
                     {"settled", manifest.settled},
                     {"points", manifest.points.count},
                     {"digest", to_hex(manifest.points.sum)},
                     {"digest_version", kDigestVersion},
                     {"config", Json::parse(to_json(manifest.config))},
                     {"parent", manifest.parent ? Json(*manifest.parent) : Json(nullptr)},
                     {"added", manifest.added},
                     {"changed", manifest.changed},
                     {"removed", manifest.removed},
                     {"segments", std::move(segments)},
                     {"native", manifest.native ? native_json(*manifest.native) : Json(nullptr)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

Result<Manifest> parse_manifest(std::string_view json, const std::string& where) {
  return parsed(json, kManifestFormat, where, manifest_of);
}

std::string to_json(const ArchivedMark& mark) {
  const Json json = {{"format", kMarkFormat},         {"version", kVersion},
                     {"collection", mark.collection}, {"time", mark.time},
                     {"source", mark.source},         {"backup", mark.backup},
                     {"operation", mark.operation}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

Result<ArchivedMark> parse_archived_mark(std::string_view json, const std::string& where) {
  return parsed(json, kMarkFormat, where, mark_of);
}

}  // namespace vecferry
