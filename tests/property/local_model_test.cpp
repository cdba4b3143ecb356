#include <gtest/gtest.h>

#include "tests/property/backend_model.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/local/local_backend.h"

namespace vecferry::testing {
namespace {

class LocalPlaceForTest : public Place {
 public:
  Backend& backend() override { return *backend_; }

 private:
  TempDir dir_;
  std::unique_ptr<Backend> backend_ = open_local(dir_.path()).ValueOrDie();
};

TEST(LocalModelTest, RandomOperationsAgreeWithAMap) {
  expect_agreement({"engine", [] { return std::make_unique<LocalPlaceForTest>(); }}, 8, 60);
}

}  // namespace
}  // namespace vecferry::testing
