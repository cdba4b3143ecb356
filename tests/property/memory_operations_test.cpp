#include <gtest/gtest.h>

#include "tests/property/operations_model.h"
#include "vecferry/backends/memory/memory_backend.h"

namespace vecferry::testing {
namespace {

TEST(MemoryOperationsTest, RandomOperationsAgreeWithAMap) {
  expect_operations_agree([] { return std::shared_ptr<Backend>(memory_backend()); }, 60, 40);
}

}  // namespace
}  // namespace vecferry::testing
