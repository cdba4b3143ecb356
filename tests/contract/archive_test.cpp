#include <gtest/gtest.h>

#include <string>

#include "tests/contract/backend_contract.h"
#include "tests/support/temp_dir.h"
#include "vecferry/archive/repository.h"
#include "vecferry/backends/archive/archive_backend.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/ops/back_up.h"

namespace vecferry::testing {
namespace {

class UpsertsAlone : public PointWriter {
 public:
  explicit UpsertsAlone(std::unique_ptr<PointWriter> inner) : inner_(std::move(inner)) {}

  Status upsert(const arrow::RecordBatch& batch) override { return inner_->upsert(batch); }
  Status remove(std::span<const PointId> /*ids*/) override {
    return fail({.kind = ErrorKind::kIncompatible, .what = "not before the next backup"});
  }
  Status checkpoint() override { return inner_->checkpoint(); }

 private:
  std::unique_ptr<PointWriter> inner_;
};

// An archive that is written as other places are: what is written goes into memory, and each
// `finish` backs that up. All that is read comes from the archive.
class FilledArchive : public Backend {
 public:
  explicit FilledArchive(std::shared_ptr<Repository> repository)
      : repository_(std::move(repository)) {}

  Capabilities capabilities() const override {
    Capabilities claims = archive_->capabilities();
    claims.writable = true;
    claims.upsert_existing = true;
    // A cursor may name the last id again, which the suite calls twice; tests/archive has them.
    claims.shard_keys = false;
    return claims;
  }
  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    return archive_->list(stop);
  }
  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    return archive_->describe(name, stop);
  }
  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    return archive_->count(name, filter, stop);
  }
  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    return archive_->plan_scan(name, filter, parts, stop);
  }
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    return archive_->open_reader(name, options, stop);
  }
  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override {
    return archive_->change_aliases(changes, stop);
  }

  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    return loading_->create(name, config, stop);
  }
  Result<bool> abandoned(std::string_view name, StopToken stop) override {
    return loading_->abandoned(name, stop);
  }
  Result<bool> take_over(std::string_view name, StopToken stop) override {
    return loading_->take_over(name, stop);
  }
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto writer, loading_->open_writer(name, stop));
    return std::make_unique<UpsertsAlone>(std::move(writer));
  }
  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_RETURN_NOT_OK(loading_->finish(name, config, stop));
    BackUpRequest request{.config = config,
                          .collection = std::string(name),
                          .source = "memory",
                          .id = new_backup_id(std::chrono::system_clock::now())};
    request.points.backend = loading_.get();
    request.points.collection = std::string(name);
    Progress progress;
    ARROW_RETURN_NOT_OK(back_up(repository_, request, progress, stop).status());
    forget_names();
    return Status::OK();
  }
  Status drop(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(loading_->drop(name, stop));
    ARROW_ASSIGN_OR_RAISE(const auto ids, repository_->backups(std::string(name), stop));
    for (const auto& id : ids) {
      ARROW_RETURN_NOT_OK(remove_backup(repository_, std::string(name), id, stop));
    }
    forget_names();
    return Status::OK();
  }

 private:
  // What a name means is read once for the life of the backend.
  void forget_names() { archive_ = archive_backend(repository_, {}); }

  std::shared_ptr<Repository> repository_;
  std::shared_ptr<Backend> archive_ = archive_backend(repository_, {});
  std::shared_ptr<Backend> loading_ = memory_backend({.capabilities = {.shard_keys = false}});
};

class ArchivePlace : public Place {
 public:
  explicit ArchivePlace(const std::shared_ptr<const ArchiveKey>& key)
      : backend_(Repository::open(dir_.file("archive"), RepositoryMode::kCreate, key,
                                  StopToken::Unstoppable())
                     .ValueOrDie()) {}
  Backend& backend() override { return backend_; }

 private:
  TempDir dir_;
  FilledArchive backend_;
};

PlaceKind kind(std::string label, std::shared_ptr<const ArchiveKey> key) {
  return {std::move(label), [key = std::move(key)] { return std::make_unique<ArchivePlace>(key); }};
}

INSTANTIATE_TEST_SUITE_P(
    Archives, BackendContract,
    ::testing::Values(kind("plain", nullptr),
                      kind("encrypted",
                           std::make_shared<const ArchiveKey>(
                               ArchiveKey::parse(std::string(64, '7'), "test").ValueOrDie()))),
    label_of);

// A place that is only read refuses every change as such, and changes nothing.
TEST(ArchiveBackend, IsOnlyRead) {
  const TempDir dir;
  const auto stop = StopToken::Unstoppable();
  const auto repository =
      Repository::open(dir.file("archive"), RepositoryMode::kCreate, nullptr, stop).ValueOrDie();
  const auto archive = archive_backend(repository, {});
  EXPECT_FALSE(archive->capabilities().writable);
  const auto config = default_config({{.name = "", .dim = 2}});
  for (const Status& status :
       {archive->create("docs", config, stop), archive->drop("docs", stop),
        archive->finish("docs", config, stop), archive->change_aliases({}, stop),
        archive->open_writer("docs", stop).status()}) {
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible);
    EXPECT_NE(failure_of(status).next.find("vecferry backup"), std::string::npos);
  }
  EXPECT_EQ(repository->store().list("").ValueOrDie().size(), 1U);
}

TEST(ArchiveBackend, NamesWithAMomentMeanOlderBackups) {
  const TempDir dir;
  const auto stop = StopToken::Unstoppable();
  const auto repository =
      Repository::open(dir.file("archive"), RepositoryMode::kCreate, nullptr, stop).ValueOrDie();
  const auto add = [&](const std::string& name, const std::string& id, uint32_t dim) {
    Manifest manifest{.collection = name, .id = id, .time = time_of_backup(id)};
    manifest.config = default_config({{.name = "", .dim = dim}});
    ASSERT_TRUE(repository->add(manifest).ok());
  };
  add("docs", "20261121T120000000Z-00000001", 1);
  add("docs", "20261123T120000000Z-00000002", 2);
  add("docs_v2", "20261124T120000000Z-00000003", 3);
  add("mail@2026-11-22", "20261121T120000000Z-00000004", 4);
  const auto archive = archive_backend(repository, {});
  const auto dim = [&](const std::string& name) {
    const auto config = archive->describe(name, stop);
    return config.ok() ? config->vectors.front().dim : 0U;
  };
  EXPECT_EQ(dim("docs"), 2U);
  EXPECT_EQ(dim("docs@latest"), 2U);
  EXPECT_EQ(dim("docs@2026-11-22"), 1U);
  EXPECT_EQ(dim("docs@20261121T120000000Z-00000001"), 1U);
  EXPECT_EQ(dim("docs_v2"), 3U);
  EXPECT_EQ(dim("mail@2026-11-22"), 4U) << "a collection that is called so";
  EXPECT_EQ(dim("docs@2020-01-01"), 0U);
  EXPECT_EQ(dim("doc"), 0U);
  EXPECT_EQ(dim("@latest"), 0U);
}

}  // namespace
}  // namespace vecferry::testing
