#pragma once

#include <memory>

#include "vecferry/backend/backend.h"

/// Collections in memory: the reference for what a backend does, and a place for tests.
namespace vecferry {

struct MemoryOptions {
  /// What it claims; whatever is not claimed it refuses, so that tests can have a place that lacks
  /// something. It does not imitate an engine: `normalises_cosine` and `rounds_payload_floats`
  /// are told to callers, and points are kept as they come.
  Capabilities capabilities{.changes_settings = true, .shard_keys = true};
};

/// A reader sees the collection as it was when the reader was opened. A collection that is not
/// finished is not listed, but can be written, read and dropped by name.
std::unique_ptr<Backend> memory_backend(MemoryOptions options = {});

}  // namespace vecferry
