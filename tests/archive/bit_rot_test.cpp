#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/archive/written_backups.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"

// Any byte of any file of an archive flipped: whoever reads it is told which file it was, and
// whoever goes on from it reads exactly what was written, or is told.
namespace vecferry::testing {
namespace {

namespace fs = std::filesystem;

const StopToken kNeverStop = StopToken::Unstoppable();

// All of its points, after its manifest and marker.
Result<PointMap> read_archive(const std::string& folder,
                              const std::shared_ptr<const ArchiveKey>& key) {
  ARROW_ASSIGN_OR_RAISE(const auto repository,
                        Repository::open(folder, RepositoryMode::kOpen, key, kNeverStop));
  ARROW_ASSIGN_OR_RAISE(const auto manifest, repository->find("docs", "", kNeverStop));
  ARROW_RETURN_NOT_OK(repository->mark("docs").status());
  return read_points(*repository, manifest);
}

// What a backup reads of the one before: it goes by less than the hashes of whole files.
Result<std::map<PointKey, Digest128>> read_known(const std::string& folder,
                                                 const std::shared_ptr<const ArchiveKey>& key) {
  ARROW_ASSIGN_OR_RAISE(const auto repository,
                        Repository::open(folder, RepositoryMode::kOpen, key, kNeverStop));
  ARROW_ASSIGN_OR_RAISE(const auto manifest, repository->find("docs", "", kNeverStop));
  return read_digests(*repository, manifest);
}

void flip(int file, off_t at, unsigned char mask) {
  unsigned char byte = 0;
  ASSERT_EQ(::pread(file, &byte, 1, at), 1);
  byte = static_cast<unsigned char>(byte ^ mask);
  ASSERT_EQ(::pwrite(file, &byte, 1, at), 1);
}

bool is_looked_at(const fs::path& path, off_t at, off_t size) {
  constexpr off_t kEnd = 100;
  constexpr off_t kEvery = 7;
  return path.extension() != ".parquet" || at < kEnd || at >= size - kEnd || at % kEvery == 0;
}

class BitRot : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    Generator random(3);
    const auto config =
        default_config({{.name = "", .dim = 3}, {.name = "words", .kind = VectorKind::kSparse}});
    const auto repository = open_archive(folder_, key_).ValueOrDie();
    Manifest manifest = new_manifest("docs", config);
    LayerModel base;
    for (const auto& point : random.points(config, 12)) {
      base[{point.id, std::nullopt}] = point;
    }
    must(write_layer(*repository, base, int64_t{1} << 20, &manifest, &now_));
    LayerModel delta;
    delta[base.begin()->first] = std::nullopt;
    auto changed = *std::next(base.begin(), 4)->second;
    changed.payload = "{\"changed\":true}";
    delta[std::next(base.begin(), 4)->first] = changed;
    must(write_layer(*repository, delta, int64_t{1} << 20, &manifest, &now_));
    sum_up(now_, &manifest);
    must(repository->add(manifest));
    must(repository->set_mark({.collection = "docs",
                               .time = "2026-11-23T13:20:00.123Z",
                               .source = "local:x",
                               .backup = manifest.id,
                               .operation = "7f3a"}));
    const auto points = read_archive(folder_, key_);
    ASSERT_TRUE(points.ok()) << points.status().ToString();
    ASSERT_TRUE(same_points(now_, *points));
    digests_ = digests_of(config, now_);
    ASSERT_EQ(read_known(folder_, key_).ValueOrDie(), digests_);
  }

  void expect_named(const Status& status, const std::string& name, off_t at) {
    const auto failure = failure_of(status);
    EXPECT_EQ(failure.kind, ErrorKind::kCorrupt) << name << " byte " << at << status.ToString();
    EXPECT_NE((failure.what + failure.where).find(name), std::string::npos)
        << name << " byte " << at << status.ToString();
  }

  void check(const std::string& name, off_t at) {
    const auto points = read_archive(folder_, key_);
    EXPECT_FALSE(points.ok()) << name << " byte " << at << " changed unnoticed";
    if (!points.ok()) {
      expect_named(points.status(), name, at);
    }
    const auto known = read_known(folder_, key_);
    if (known.ok()) {
      EXPECT_EQ(*known, digests_) << name << " byte " << at;
    } else {
      expect_named(known.status(), name, at);
    }
  }

  TempDir dir_;
  std::string folder_ = dir_.file("archive");
  std::shared_ptr<const ArchiveKey> key_ = GetParam() ? key_of('7') : nullptr;
  PointMap now_;
  std::map<PointKey, Digest128> digests_;
};

TEST_P(BitRot, AnyFlippedByteIsFoundAndItsFileNamed) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  ASSERT_EQ(files.size(), 5U);
  for (const auto& path : files) {
    const std::string name = path.lexically_relative(folder_).generic_string();
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(file, 0);
    const auto size = static_cast<off_t>(fs::file_size(path));
    for (off_t at = 0; at < size && !HasFailure(); ++at) {
      if (!is_looked_at(path, at, size)) {
        continue;
      }
      const auto mask = static_cast<unsigned char>(at % 3 == 0 ? 0xFF : 1U << (at % 8));
      flip(file, at, mask);
      check(name, at);
      flip(file, at, mask);
    }
    ::close(file);
  }
}

// Cut off, emptied or gone.
TEST_P(BitRot, ShortFilesAreFound) {
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    if (!entry.is_regular_file()) {
      continue;
    }
    const std::string name = entry.path().lexically_relative(folder_).generic_string();
    const auto size = entry.file_size();
    const fs::path kept = dir_.file("kept");
    fs::copy_file(entry.path(), kept, fs::copy_options::overwrite_existing);
    for (const auto cut : {size - 1, size / 2, uintmax_t{3}, uintmax_t{0}}) {
      fs::resize_file(entry.path(), cut);
      check(name, static_cast<off_t>(cut));
    }
    fs::copy_file(kept, entry.path(), fs::copy_options::overwrite_existing);
  }
}

INSTANTIATE_TEST_SUITE_P(Archives, BitRot, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Encrypted" : "Plain"; });

}  // namespace
}  // namespace vecferry::testing
