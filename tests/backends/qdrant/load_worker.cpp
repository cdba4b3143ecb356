// Loads points into a new collection `shop` without end: `load_worker URL GRPC`. For tests that
// kill it.

#include <iostream>

#include "tests/support/backends.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"

namespace vecferry::testing {
namespace {

void load(const char* url, const char* grpc_url) {
  const auto stop = StopToken::Unstoppable();
  const auto config = default_config({{.dim = 2, .distance = Distance::kDot}});
  const auto backend = open_qdrant({.url = url, .grpc_url = grpc_url}, stop).ValueOrDie();
  must(backend->create("shop", config, stop));
  const auto writer = backend->open_writer("shop", stop).ValueOrDie();
  constexpr uint64_t kBatch = 20;
  for (uint64_t id = 1;; ++id) {
    must(writer->upsert(*to_batch(config, {{.id = PointId::of(id)}})));
    if (id % kBatch == 0) {
      must(writer->checkpoint());
      std::cout << "loading" << std::endl;
    }
  }
}

}  // namespace
}  // namespace vecferry::testing

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  vecferry::testing::load(argv[1], argv[2]);
}
