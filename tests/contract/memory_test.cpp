#include <gtest/gtest.h>

#include "tests/contract/backend_contract.h"
#include "vecferry/backends/memory/memory_backend.h"

namespace vecferry::testing {
namespace {

class MemoryPlace : public Place {
 public:
  explicit MemoryPlace(const Capabilities& capabilities)
      : backend_(memory_backend({capabilities})) {}
  Backend& backend() override { return *backend_; }

 private:
  std::unique_ptr<Backend> backend_;
};

PlaceKind kind(std::string label, const Capabilities& capabilities) {
  return {std::move(label), [capabilities] { return std::make_unique<MemoryPlace>(capabilities); }};
}

INSTANTIATE_TEST_SUITE_P(Memory, BackendContract,
                         ::testing::Values(kind("all", {.shard_keys = true}),
                                           kind("least", {.many_collections = false,
                                                          .aliases = false,
                                                          .settings = false,
                                                          .remove = false,
                                                          .upsert_existing = false,
                                                          .splittable = false,
                                                          .non_finite = false,
                                                          .max_payload_depth = 5})),
                         label_of);

}  // namespace
}  // namespace vecferry::testing
