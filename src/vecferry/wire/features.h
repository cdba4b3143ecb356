#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// What a server of a given version understands. Callers ask a feature, never a version.
/// Source: the public change log; each field names the first tag that has it.
namespace vecferry::wire {

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): what the compiler writes for <=> is no pointer
  friend auto operator<=>(const Version&, const Version&) = default;
};

std::string to_string(const Version& version);

struct Features {
  Version version{};
  bool exists_endpoint = false;        ///< 1.8.0: GET /collections/{c}/exists
  bool order_by = false;               ///< 1.8.0
  bool datetime_index = false;         ///< 1.8.0
  bool keeps_unit_vectors = false;     ///< 1.9.0: Cosine leaves unit vectors alone
  bool uint8_vectors = false;          ///< 1.9.0
  bool sparse_idf = false;             ///< 1.9.1
  bool multivectors = false;           ///< 1.9.7: under their final name; also float16
  bool query_points = false;           ///< 1.10.0
  bool index_objects = false;          ///< 1.10.1: an object of parameters for every index type
  bool uuid_index = false;             ///< 1.11.0: and is_tenant, is_principal, on_disk
  bool random_sample = false;          ///< 1.11.0
  bool read_timeouts = false;          ///< 1.11.0: `timeout` of scroll, count, retrieve
  bool keeps_key_order = false;        ///< 1.11.0: of payloads, over REST
  bool facets = false;                 ///< 1.11.1
  bool local_shard_reads = false;      ///< 1.11.1: POST /collections/{c}/shards/{id}/points/scroll
  bool shard_snapshot_stream = false;  ///< 1.12.0
  bool oneof_vectors = false;          ///< 1.12.2: gRPC requests; else the deprecated fields
  bool strict_mode = false;            ///< 1.12.4: told by info
  bool has_vector = false;             ///< 1.12.2
  bool automatic_threads = false;      ///< 1.12.6: max_optimization_threads "auto"
  bool rounds_payload_floats = false;  ///< 1.13.0: payloads are kept as JSON text
  bool metadata = false;               ///< 1.15.4
  bool update_filter = false;          ///< 1.15.4: older ones ignore it in silence
  bool wal_retain_closed = false;      ///< 1.15.2
  bool list_shard_keys = false;        ///< 1.16.2
  bool write_timeout = false;          ///< 1.16.3
  bool update_mode = false;            ///< 1.17.0: older ones ignore it in silence
  bool read_fan_out_delay = false;     ///< 1.17.0
  bool prevent_unoptimized = false;    ///< 1.17.0
  bool enable_hnsw = false;            ///< 1.17.0: of payload indexes
  bool change_vectors = false;         ///< 1.18.0: add and remove named vectors
  bool turbo_quantization = false;     ///< 1.18.0
  bool memory_tiers = false;           ///< 1.19.0: `memory` beside on_disk and always_ram
  bool slice_filter = false;           ///< 1.19.0
  bool replaces_whole_points = false;  ///< 1.19.0: an upsert drops what it does not say
  bool storage_quota = false;          ///< 1.19.0: answers 507
};

/// `text` as GET / or HealthCheck tells it: "1.18.3", "1.19.0-dev".
/// Errors: kIncompatible for one before 1.8, another major version, or text that is none.
Result<Features> features_of(std::string_view text);

}  // namespace vecferry::wire
