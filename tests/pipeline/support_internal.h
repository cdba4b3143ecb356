#pragma once

#include <memory>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/points.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/pipeline/source.h"

namespace vecferry::testing {

/// A memory place with one collection "c" of seeded points of every kind.
struct Filled {
  std::shared_ptr<Backend> backend;
  CollectionConfig config = Generator::every_kind();
  std::vector<TestPoint> points;

  explicit Filled(uint64_t seed, size_t count, MemoryOptions options = {})
      : backend(memory_backend(options)) {
    Generator generator(seed);
    points = generator.points(config, count);
    must(fill(*backend, "c", config, points, 16));
  }

  Source source(int64_t batch_bytes = 8 << 10) const {
    return {.backend = backend.get(), .collection = "c", .batch_bytes = batch_bytes};
  }
};

}  // namespace vecferry::testing
