#include <gtest/gtest.h>

#include "tests/property/operations_model.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/local/local_backend.h"

namespace vecferry::testing {
namespace {

// The folder goes after the place.
struct Kept {
  TempDir folder;
  std::shared_ptr<Backend> backend = open_local(folder.path()).ValueOrDie();
};

std::shared_ptr<Backend> local_place() {
  const auto kept = std::make_shared<Kept>();
  return {kept, kept->backend.get()};
}

TEST(LocalOperationsTest, RandomOperationsAgreeWithAMap) {
  expect_operations_agree(local_place, 6, 25);
}

}  // namespace
}  // namespace vecferry::testing
