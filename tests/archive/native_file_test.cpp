#include "vecferry/archive/native_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "arrow/buffer.h"
#include "tests/archive/written_backups.h"
#include "tests/support/temp_dir.h"
#include "vecferry/archive/sweep.h"

namespace vecferry::testing {
namespace {

const StopToken kNeverStop = StopToken::Unstoppable();

std::string some_bytes(size_t count, char seed) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(seed) + i * 31 % 253);
  }
  return bytes;
}

struct Shard {
  uint32_t id = 0;
  std::optional<std::string> key{};
  std::string bytes{};
};

class NativeFile : public ::testing::TestWithParam<bool> {
 protected:
  // Written in odd pieces, and added as a backup.
  Manifest keep(const std::vector<Shard>& shards) {
    auto manifest = new_manifest("docs/é", default_config({{.name = "", .dim = 2}}));
    const auto file = NativeWriter::begin(*repository_, manifest.collection, manifest.id);
    must(file.status());
    for (const auto& shard : shards) {
      must((*file)->begin_shard(shard.id, shard.key, shard.bytes.size()));
      for (size_t at = 0; at < shard.bytes.size(); at += 700'001) {
        must((*file)->write(std::string_view(shard.bytes).substr(at, 700'001)));
      }
    }
    manifest.native = (*file)->close("1.18").ValueOrDie();
    must(repository_->add(manifest));
    return repository_->manifest(manifest.collection, manifest.id).ValueOrDie();
  }

  Result<std::string> read(const Manifest& manifest, uint32_t shard) {
    std::string all;
    ARROW_RETURN_NOT_OK(read_native_shard(
        *repository_, manifest, shard,
        [&](std::string_view piece) {
          all += piece;
          return Status::OK();
        },
        kNeverStop));
    return all;
  }

  TempDir dir_;
  std::shared_ptr<Repository> repository_ =
      open_archive(dir_.file("archive"), GetParam() ? key_of('7') : nullptr).ValueOrDie();
};

TEST_P(NativeFile, ShardsComeBackAsTheyWere) {
  const std::vector<Shard> shards = {{0, std::nullopt, some_bytes(5'000'123, 'a')},
                                     {3, "\"tenant\"", ""},
                                     {4, "7", some_bytes(512, 'b')},
                                     {11, std::nullopt, some_bytes(4'194'304, 'c')}};
  const auto manifest = keep(shards);
  ASSERT_TRUE(manifest.native);
  EXPECT_EQ(manifest.native->version, "1.18");
  ASSERT_EQ(manifest.native->shards.size(), shards.size());
  for (size_t i = 0; i < shards.size(); ++i) {
    EXPECT_EQ(manifest.native->shards[i].id, shards[i].id);
    EXPECT_EQ(manifest.native->shards[i].key, shards[i].key);
    const auto back = read(manifest, shards[i].id);
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_TRUE(*back == shards[i].bytes) << shards[i].id;
  }
  EXPECT_EQ(kind_of(read(manifest, 1).status()), ErrorKind::kNotFound);
  EXPECT_TRUE(repository_->check_native(manifest).ok());
  EXPECT_TRUE(find_unreferenced(*repository_, kNeverStop)->empty());
  const auto stored = repository_->store().get(*native_path("docs/é", manifest.id)).ValueOrDie();
  EXPECT_EQ(static_cast<uint64_t>(stored->size()), manifest.native->bytes);
  const bool readable = stored->ToString().find(shards[2].bytes) != std::string::npos;
  EXPECT_EQ(readable, !GetParam());
}

TEST_P(NativeFile, IsNotThereBeforeItIsWhole) {
  {
    const auto file = NativeWriter::begin(*repository_, "docs", "20261123T132000123Z-1f2e3d4c");
    must(file.status());
    must((*file)->begin_shard(0, std::nullopt, 10));
    EXPECT_EQ(kind_of((*file)->write("eleven bytes")), ErrorKind::kCorrupt);
    must((*file)->write("five "));
    EXPECT_EQ(kind_of((*file)->begin_shard(1, std::nullopt, 1)), ErrorKind::kCorrupt);
    EXPECT_EQ(kind_of((*file)->close("1.18").status()), ErrorKind::kCorrupt);
  }
  EXPECT_TRUE(repository_->store().list("native/").ValueOrDie().empty());
}

TEST_P(NativeFile, NoFlippedByteIsHandedOnAsSound) {
  const auto manifest = keep({{0, std::nullopt, some_bytes(3000, 'a')}});
  const auto path = *native_path("docs/é", manifest.id);
  const auto sound = repository_->store().get(path).ValueOrDie()->ToString();
  for (size_t at = 0; at < sound.size(); at += 97) {
    std::string bad = sound;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    must(repository_->store().put(path, bad, IfThere::kReplace));
    EXPECT_EQ(kind_of(repository_->check_native(manifest)), ErrorKind::kCorrupt) << at;
    const auto back = read(manifest, 0);
    EXPECT_TRUE(back.ok() ? *back == some_bytes(3000, 'a')
                          : kind_of(back.status()) == ErrorKind::kCorrupt)
        << at;
  }
  must(repository_->store().put(path, sound.substr(0, 1000), IfThere::kReplace));
  EXPECT_EQ(kind_of(read(manifest, 0).status()), ErrorKind::kCorrupt);
}

INSTANTIATE_TEST_SUITE_P(Archives, NativeFile, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Encrypted" : "Plain"; });

}  // namespace
}  // namespace vecferry::testing
