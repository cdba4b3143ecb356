#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "tests/backends/local/child.h"
#include "tests/routes/folder_server.h"
#include "tests/routes/ship_worker_points.h"
#include "tests/support/temp_dir.h"

/// Processes that are killed while they ship, and go on; and a disk that is too small.
namespace vecferry {
namespace {

namespace fs = std::filesystem;
using testing::Child;
using testing::FolderServer;
using ::testing::HasSubstr;
using ::testing::Not;

testing::Outcome work(const fs::path& dir, const std::vector<std::string>& words = {}) {
  std::vector<std::string> all = {dir.string()};
  all.insert(all.end(), words.begin(), words.end());
  return Child(all).wait();
}

void expect_complete(const fs::path& dir) {
  const FolderServer server(dir / "server", {{.id = 0}, {.id = 1}});
  ASSERT_TRUE(server.finished(testing::kWorkerCollection));
  std::vector<testing::TestPoint> expected;
  for (size_t batch = 0; batch * testing::kWorkerBatch < testing::kWorkerRows; ++batch) {
    const auto some = testing::worker_points(batch);
    expected.insert(expected.end(), some.begin(), some.end());
  }
  EXPECT_EQ(server.points(testing::kWorkerCollection), expected);
  for (const uint32_t shard : {0U, 1U}) {
    const auto arrived = server.arrived(testing::kWorkerCollection, shard);
    EXPECT_GT(arrived.next_operation, arrived.last_operation);
    EXPECT_EQ(arrived.config.payload_indexes.size(), 1U);
    EXPECT_GT(arrived.indexed_vectors, 0U);
  }
  EXPECT_TRUE(fs::is_empty(dir / "kept")) << "the spool is still there";
}

// The points that are passed, by name, in their order.
std::vector<std::string> kill_points(const std::string& err) {
  constexpr std::string_view kStart = "kill point ";
  std::vector<std::string> points;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(kStart, 0) == 0) {
      points.push_back(line.substr(kStart.size()));
    }
  }
  return points;
}

TEST(ShipCrash, KilledAtEachPointItGoesOnAndArrivesWhole) {
  std::vector<std::string> points;
  {
    const testing::TempDir dir;
    const auto named = work(dir.path(), {"kill=?"});
    ASSERT_EQ(named.exit_code, 0) << named.err;
    expect_complete(dir.path());
    points = kill_points(named.err);
  }
  for (const char* wanted : {"ship.created", "ship.shards_made", "ship.recorded",
                             "ship.payload_indexed", "ship.indexed", "ship.packed", "ship.uploaded",
                             "ship.noted", "ship.shard_removed", "ship.proved", "ship.finished"}) {
    EXPECT_THAT(points, ::testing::Contains(wanted));
  }
  for (size_t point = 1; point <= points.size(); ++point) {
    SCOPED_TRACE(points[point - 1] + " (#" + std::to_string(point) + ")");
    const testing::TempDir dir;
    EXPECT_EQ(work(dir.path(), {"kill=#" + std::to_string(point)}).signal, SIGKILL);
    const auto second = work(dir.path());
    ASSERT_EQ(second.exit_code, 0) << second.err;
    expect_complete(dir.path());
    // Only what was killed before the record was there begins again.
    const bool early =
        points[point - 1] == "ship.created" || points[point - 1] == "ship.shards_made";
    EXPECT_EQ(second.out.find("begins again") != std::string::npos, early) << second.out;
  }
}

TEST(ShipCrash, KilledAgainAndAgainItArrivesWhole) {
  const testing::TempDir dir;
  // Each run gets a little further, or not, than the one before.
  for (const int point : {3, 5, 4, 2, 6, 3, 5, 4, 3, 2, 4}) {
    const auto outcome = work(dir.path(), {"kill=#" + std::to_string(point)});
    if (outcome.exit_code == 0) {
      break;
    }
    ASSERT_EQ(outcome.signal, SIGKILL) << outcome.err;
  }
  const auto last = work(dir.path());
  ASSERT_EQ(last.exit_code, 0) << last.err;
  expect_complete(dir.path());
}

TEST(ShipCrash, AFullDiskIsOneClearErrorAndLeavesNothing) {
  const testing::TempDir dir;
  // Rows without end for a disk that holds some of them.
  const auto outcome = work(dir.path(), {"disk=100", "rows=20000000"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("created"));
  EXPECT_THAT(outcome.err, HasSubstr("io: "));
  EXPECT_THAT(outcome.err, HasSubstr((dir.path() / "kept").string()));
  EXPECT_THAT(outcome.err, HasSubstr("--spool DIR"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("left ")));
  const FolderServer server(dir.path() / "server", {});
  EXPECT_FALSE(server.finished(testing::kWorkerCollection));
  EXPECT_FALSE(fs::exists(dir.path() / "server" / testing::kWorkerCollection));
}

}  // namespace
}  // namespace vecferry
