#include <gtest/gtest.h>

#include "tests/contract/backend_contract.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/local/local_backend.h"

namespace vecferry::testing {
namespace {

class LocalPlaceForTest : public Place {
 public:
  LocalPlaceForTest() : backend_(open_local(dir_.path()).ValueOrDie()) {}
  Backend& backend() override { return *backend_; }

 private:
  TempDir dir_;
  std::unique_ptr<Backend> backend_;
};

INSTANTIATE_TEST_SUITE_P(Local, BackendContract,
                         ::testing::Values(PlaceKind{
                             "engine", [] { return std::make_unique<LocalPlaceForTest>(); }}),
                         label_of);

}  // namespace
}  // namespace vecferry::testing
