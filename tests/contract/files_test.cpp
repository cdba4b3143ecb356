#include <gtest/gtest.h>

#include <string>

#include "tests/contract/backend_contract.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/files/open_file.h"

namespace vecferry::testing {
namespace {

class FilePlace : public Place {
 public:
  explicit FilePlace(const std::string& extension)
      : backend_(open_file(dir_.file("shop." + extension), {}).ValueOrDie()) {}
  Backend& backend() override { return *backend_; }

 private:
  TempDir dir_;
  std::shared_ptr<Backend> backend_;
};

PlaceKind kind(std::string label, std::string extension) {
  return {std::move(label),
          [extension = std::move(extension)] { return std::make_unique<FilePlace>(extension); }};
}

INSTANTIATE_TEST_SUITE_P(Files, BackendContract,
                         ::testing::Values(kind("json", "json"), kind("json_zst", "json.zst"),
                                           kind("jsonl", "jsonl"), kind("jsonl_zst", "jsonl.zst"),
                                           kind("parquet", "parquet")),
                         label_of);

}  // namespace
}  // namespace vecferry::testing
