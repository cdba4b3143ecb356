// Kills a process that works on a place, at every named point and at random moments, and looks at
// what is left: a collection is whole or invisible, and the next writer cleans up.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

#include "tests/backends/local/child.h"
#include "tests/backends/local/worker_points.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/local/local_backend.h"

namespace vecferry::testing {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRows = 300;

PointMap generation(uint64_t number, uint64_t rows = kRows) {
  PointMap points;
  for (uint64_t id = 0; id < rows; ++id) {
    points[{PointId::of(id), std::nullopt}] = worker_point(id, number);
  }
  return points;
}

std::unique_ptr<Backend> open(const TempDir& dir) {
  return open_local(dir.path() / "place").ValueOrDie();
}

std::vector<std::string> names(Backend& backend) {
  std::vector<std::string> found;
  const auto listed = backend.list(StopToken::Unstoppable());
  if (!listed.ok()) {
    EXPECT_EQ(kind_of(listed.status()), ErrorKind::kNotFound) << listed.status();
    return found;
  }
  for (const auto& summary : *listed) {
    found.push_back(summary.name);
  }
  return found;
}

size_t folders(const TempDir& dir) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       fs::directory_iterator(dir.path() / "place" / "collections")) {
    ++count;
  }
  return count;
}

// The killed process was loading `name`: all of it is there, or nothing. Then the place works on.
void expect_whole_or_nothing(const TempDir& dir, const std::string& name, bool visible) {
  const auto backend = open(dir);
  if (visible) {
    ASSERT_EQ(names(*backend), std::vector<std::string>{name});
    const auto points = read_all(*backend, name);
    ASSERT_TRUE(points.ok()) << points.status();
    EXPECT_TRUE(same_points(generation(0), *points));
    const auto config = backend->describe(name, StopToken::Unstoppable());
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_TRUE(config_differences(worker_config(), *config).empty());
    ASSERT_TRUE(backend->drop(name, StopToken::Unstoppable()).ok());
  } else {
    EXPECT_TRUE(names(*backend).empty());
    EXPECT_EQ(kind_of(backend->describe(name, StopToken::Unstoppable()).status()),
              ErrorKind::kNotFound);
  }
  std::vector<TestPoint> points;
  for (uint64_t id = 0; id < 20; ++id) {
    points.push_back(worker_point(id, 1));
  }
  const Status again = fill(*backend, name, worker_config(), points);
  ASSERT_TRUE(again.ok()) << again;
  EXPECT_EQ(folders(dir), 1u);
}

TEST(LocalCrash, ALoadKilledAtANamedPointIsWholeOrInvisible) {
  const std::vector<std::pair<std::string, bool>> points = {{"local.folder_made", false},
                                                            {"local.created", false},
                                                            {"local.flushed", false},
                                                            {"local.synced", false},
                                                            {"local.published", true}};
  for (const auto& [point, visible] : points) {
    SCOPED_TRACE(point);
    const TempDir dir;
    Child child({dir.file("place"), "kill=" + point, "load", "x", std::to_string(kRows)});
    EXPECT_EQ(child.wait().signal, SIGKILL);
    expect_whole_or_nothing(dir, "x", visible);
  }
}

TEST(LocalCrash, ALoadKilledAtARandomMomentIsWholeOrInvisible) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 12; ++round) {
    const TempDir dir;
    Child child({dir.file("place"), "load", "x", std::to_string(kRows)});
    const bool created = child.wait_for("created");
    ASSERT_TRUE(created);
    child.read_for_us(static_cast<int>(random() % 400'000));
    child.kill();
    const Outcome outcome = child.wait();
    const auto visible = fs::exists(dir.path() / "place/collections/x/collection.json");
    const bool finished = outcome.out.find("finished") != std::string::npos;
    EXPECT_TRUE(visible || !finished) << "it said so, and it is not there";
    expect_whole_or_nothing(dir, "x", visible);
  }
}

void load(const TempDir& dir, const std::string& name) {
  Child child({dir.file("place"), "load", name, std::to_string(kRows)});
  const Outcome outcome = child.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST(LocalCrash, AWriteIntoACollectionTearsNoPointAndKeepsWhatACheckpointClaimed) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const TempDir dir;
  load(dir, "x");
  PointMap before = generation(0);
  for (uint64_t number = 1; number <= 10; ++number) {
    Child child({dir.file("place"), "add", "x", std::to_string(number), std::to_string(kRows)});
    ASSERT_TRUE(child.wait_for("written 50"));
    child.read_for_us(static_cast<int>(random() % 60'000));
    child.kill();
    const Outcome outcome = child.wait();
    uint64_t durable = 0;
    for (uint64_t rows = 50; rows <= kRows; rows += 50) {
      if (outcome.out.find("durable " + std::to_string(rows) + "\n") != std::string::npos) {
        durable = rows;
      }
    }
    const auto backend = open(dir);
    const auto points = read_all(*backend, "x");
    ASSERT_TRUE(points.ok()) << points.status();
    ASSERT_EQ(points->size(), kRows);
    const PointMap after = generation(number);
    for (const auto& [key, point] : *points) {
      const bool must_be_new = key.first.number < durable;
      ASSERT_TRUE(point == after.at(key) || (!must_be_new && point == before.at(key)))
          << "durable up to " << durable << ": " << to_string(point);
    }
    before = *points;
  }
}

TEST(LocalCrash, ADropKilledAtANamedPointIsADrop) {
  for (const char* point : {"local.hidden", "local.unaliased"}) {
    SCOPED_TRACE(point);
    const TempDir dir;
    load(dir, "x");
    ASSERT_EQ(Child({dir.file("place"), "alias", "a", "x"}).wait().exit_code, 0);
    Child child({dir.file("place"), std::string("kill=") + point, "drop", "x"});
    EXPECT_EQ(child.wait().signal, SIGKILL);
    const auto backend = open(dir);
    EXPECT_TRUE(names(*backend).empty());
    EXPECT_EQ(kind_of(backend->describe("a", StopToken::Unstoppable()).status()),
              ErrorKind::kNotFound);
    ASSERT_TRUE(fill(*backend, "x", worker_config(), {worker_point(1, 1)}).ok());
    EXPECT_EQ(folders(dir), 1u);
    const auto config = backend->describe("x", StopToken::Unstoppable());
    ASSERT_TRUE(config.ok());
    EXPECT_TRUE(config->aliases.empty()) << "an alias of the dropped one came back";
  }
}

TEST(LocalCrash, AnotherProcessIsKeptOutByNameUntilItDies) {
  const TempDir dir;
  load(dir, "x");
  const auto backend = open(dir);
  Child holder({dir.file("place"), "hold", "x"});
  ASSERT_TRUE(holder.wait_for("holding"));
  const auto refused = backend->count("x", nullptr, StopToken::Unstoppable());
  ASSERT_EQ(kind_of(refused.status()), ErrorKind::kConflict) << refused.status();
  EXPECT_NE(refused.status().message().find("process " + std::to_string(holder.pid())),
            std::string::npos)
      << refused.status();
  EXPECT_TRUE(failure_of(refused.status()).retryable);
  EXPECT_EQ(kind_of(backend->create("y", worker_config(), StopToken::Unstoppable())),
            ErrorKind::kConflict);
  EXPECT_EQ(names(*backend), std::vector<std::string>{"x"}) << "ls needs no lock";
  EXPECT_TRUE(backend->describe("x", StopToken::Unstoppable()).ok());
  holder.kill();
  holder.wait();
  const auto count = backend->count("x", nullptr, StopToken::Unstoppable());
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, kRows);
}

TEST(LocalCrash, AFullDiskIsOneClearErrorAndLeavesNothing) {
  const TempDir dir;
  fs::create_directory(dir.path() / "place");
  Child child({dir.file("place"), "disk=104", "load", "x", "2000000"});
  const Outcome outcome = child.wait();
  EXPECT_EQ(outcome.exit_code, 1) << "signal " << outcome.signal << "\n" << outcome.err;
  EXPECT_EQ(outcome.err.rfind("io: ", 0), 0u) << outcome.err;
  EXPECT_NE(outcome.err.find(outcome.out.rfind("disk", 0) == 0 ? "free some space" : "ulimit"),
            std::string::npos)
      << outcome.err;
  // Where the limit is on files, not on the disk, even the empty collection may not fit.
  const bool created = outcome.out.find("created\n") != std::string::npos;
  EXPECT_NE(outcome.out.find(created ? "\ndropped\nleft 0\n" : "\nleft 0\n"), std::string::npos)
      << outcome.out;
}

}  // namespace
}  // namespace vecferry::testing
