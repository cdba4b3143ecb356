#include "vecferry/wire/features.h"

#include <fmt/format.h>

#include <charconv>

namespace vecferry::wire {
namespace {

constexpr Version kOldest{1, 8, 0};

// The three numbers; what follows them ("-dev", "+build") says nothing about features.
bool parse(std::string_view text, Version* version) {
  if (!text.empty() && text.front() == 'v') {
    text.remove_prefix(1);
  }
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int* part : {&version->major, &version->minor, &version->patch}) {
    if (part != &version->major) {
      if (at == end || *at != '.') {
        return false;
      }
      ++at;
    }
    const auto [stop, error] = std::from_chars(at, end, *part);
    if (error != std::errc() || *part < 0) {
      return false;
    }
    at = stop;
  }
  return at == end || *at == '-' || *at == '+';
}

}  // namespace

std::string to_string(const Version& version) {
  return fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
}

Result<Features> features_of(std::string_view text) {
  Version version;
  if (!parse(text, &version)) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("'{}' is no version of Qdrant", text),
                 .next = "check that the address is a Qdrant server"});
  }
  if (version < kOldest || version.major != kOldest.major) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("Qdrant {} is not supported; {} and later 1.x are",
                                     to_string(version), to_string(kOldest)),
                 .next = version < kOldest ? "update the server, minor version by minor version"
                                           : "update vecferry"});
  }
  const auto since = [&](int minor, int patch) { return version >= Version{1, minor, patch}; };
  Features features;
  features.version = version;
  features.exists_endpoint = features.order_by = features.datetime_index = since(8, 0);
  features.keeps_unit_vectors = features.uint8_vectors = since(9, 0);
  features.sparse_idf = since(9, 1);
  features.multivectors = since(9, 7);
  features.query_points = since(10, 0);
  features.index_objects = since(10, 1);
  features.uuid_index = features.random_sample = since(11, 0);
  features.read_timeouts = features.keeps_key_order = since(11, 0);
  features.facets = features.local_shard_reads = since(11, 1);
  features.shard_snapshot_stream = since(12, 0);
  features.oneof_vectors = features.has_vector = since(12, 2);
  features.strict_mode = since(12, 4);
  features.automatic_threads = since(12, 6);
  features.rounds_payload_floats = since(13, 0);
  features.wal_retain_closed = since(15, 2);
  features.metadata = features.update_filter = since(15, 4);
  features.list_shard_keys = since(16, 2);
  features.write_timeout = since(16, 3);
  features.update_mode = features.read_fan_out_delay = since(17, 0);
  features.prevent_unoptimized = features.enable_hnsw = since(17, 0);
  features.change_vectors = features.turbo_quantization = since(18, 0);
  features.memory_tiers = features.slice_filter = since(19, 0);
  features.replaces_whole_points = features.storage_quota = since(19, 0);
  return features;
}

}  // namespace vecferry::wire
