#include "vecferry/routes/choose.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vecferry/routes/about.h"
#include "vecferry/routes/estimate.h"
#include "vecferry/routes/pick.h"

// What is picked from facts alone, without a place.
namespace vecferry {
namespace {

// 200,000 points of 384 dims with some payload, between two servers that build an index.
RouteFacts large() {
  return {.points = 200'000,
          .vector_bytes = 1552,
          .payload_bytes = 250,
          .builds_index = true,
          .indexed_vectors = 1,
          .indexed_bytes = 1536,
          .source_round_trip = 0.0005,
          .target_round_trip = 0.0005,
          .page_seconds_per_byte = 4e-9,
          .live = true};
}

RouteFacts without_snapshots(RouteFacts facts) {
  for (const Route route : {Route::kNative, Route::kEngineRead}) {
    facts.why_not(route) = fail({.kind = ErrorKind::kRefused,
                                 .what = "the key may not make snapshots",
                                 .next = "use a key that may write"});
  }
  return facts;
}

RouteChoice pick(const RouteFacts& facts, Prefer prefer = Prefer::kFast) {
  return pick_route(facts, estimate_routes(facts), prefer, std::nullopt).ValueOrDie();
}

const RouteEstimate& of(const RouteChoice& choice, Route route) {
  return *std::find_if(choice.estimates.begin(), choice.estimates.end(),
                       [&](const auto& each) { return each.route == route; });
}

TEST(Choose, ALargeCollectionGoesAsTheServersOwnFiles) {
  const auto choice = pick(large());
  EXPECT_EQ(choice.route, Route::kNative);
  EXPECT_TRUE(choice.reason.starts_with("native: the servers' own files with the index, about "))
      << choice.reason;
  EXPECT_NE(choice.reason.find("; streaming would take about "), std::string::npos)
      << choice.reason;
  EXPECT_NE(choice.reason.find("of indexing"), std::string::npos) << choice.reason;
  ASSERT_EQ(choice.estimates.size(), 4U);
  EXPECT_EQ(choice.estimates.front().route, Route::kNative);
  // The bound: green in a tenth of the time.
  EXPECT_LT(of(choice, Route::kNative).seconds, of(choice, Route::kStream).seconds / 10);
}

TEST(Choose, WithoutTheRightToSnapshotsItSaysSoAndGoesOn) {
  const auto choice = pick(without_snapshots(large()));
  EXPECT_TRUE(choice.route == Route::kStream || choice.route == Route::kShip);
  EXPECT_NE(choice.reason.find("native is not possible: the key may not make snapshots"),
            std::string::npos)
      << choice.reason;
  EXPECT_FALSE(of(choice, Route::kNative).impossible.empty());
  EXPECT_FALSE(of(choice, Route::kEngineRead).impossible.empty());
}

TEST(Choose, PossibleRoutesComeBeforeImpossibleOnes) {
  const auto choice = pick(without_snapshots(large()));
  const auto impossible = [](const RouteEstimate& each) { return !each.impossible.empty(); };
  EXPECT_TRUE(std::is_partitioned(choice.estimates.begin(), choice.estimates.end(),
                                  [&](const auto& each) { return !impossible(each); }));
}

TEST(Choose, FewPointsWithoutAnIndexAreStreamed) {
  auto facts = large();
  facts.points = 2'000;
  facts.builds_index = false;
  EXPECT_EQ(pick(facts).route, Route::kStream);
}

// Who does not wait for a server's index does not want to wait for one that is built here.
TEST(Choose, AnIndexThatNobodyWaitsForIsNotBuiltHere) {
  RouteFacts facts = without_snapshots(large());
  EXPECT_GT(of(pick(facts), Route::kStream).index_seconds, 10);
  facts.waits = false;
  EXPECT_EQ(pick(facts).route, Route::kStream);
  EXPECT_EQ(of(pick(facts), Route::kStream).index_seconds, 0);
  EXPECT_GT(of(pick(facts), Route::kShip).index_seconds, 10);
}

TEST(Choose, WhatIsSmallIsNotExplainedAtLength) {
  auto facts = large();
  facts.points = 500;
  facts.small = true;
  facts.looked_at = {Route::kStream};
  const auto choice = pick(facts);
  EXPECT_EQ(choice.reason,
            "stream: 500 points are there sooner than a look at other ways would take");
  EXPECT_EQ(choice.estimates.size(), 1U);
  EXPECT_TRUE(to_lines(choice).empty());
}

TEST(Choose, LightMeansLeastWorkForTheServers) {
  for (const auto& facts : {large(), without_snapshots(large())}) {
    const auto choice = pick(facts, Prefer::kLight);
    const auto work = [](const RouteEstimate& each) {
      return each.source_seconds + each.target_seconds;
    };
    for (const auto& each : choice.estimates) {
      if (each.impossible.empty()) {
        EXPECT_LE(work(choice.estimates.front()), work(each));
      }
    }
    EXPECT_NE(choice.reason.find("the lightest for the servers"), std::string::npos);
  }
  EXPECT_EQ(pick(without_snapshots(large()), Prefer::kLight).route, Route::kShip);
}

TEST(Choose, ConsistentMeansAPointInTime) {
  auto facts = large();
  facts.points = 500;
  facts.builds_index = false;
  const auto choice = pick(facts, Prefer::kConsistent);
  EXPECT_TRUE(choice.estimates.front().point_in_time);
  EXPECT_NE(choice.route, Route::kStream);
  EXPECT_NE(choice.reason.find("a point in time"), std::string::npos);

  const auto none = pick(without_snapshots(facts), Prefer::kConsistent);
  EXPECT_NE(none.reason.find("no way here is a point in time"), std::string::npos) << none.reason;
}

TEST(Choose, WhatNobodyWritesToIsAPointInTimeAnyhow) {
  auto facts = large();
  facts.points = 500;
  facts.builds_index = false;
  facts.live = false;
  EXPECT_EQ(pick(facts, Prefer::kConsistent).route, Route::kStream);
}

TEST(Choose, AWantedRouteIsTakenWhateverItCosts) {
  const auto facts = large();
  for (const Route route : facts.looked_at) {
    const auto choice =
        pick_route(facts, estimate_routes(facts), Prefer::kFast, route).ValueOrDie();
    EXPECT_EQ(choice.route, route);
    EXPECT_EQ(choice.estimates.front().route, route);
    EXPECT_NE(choice.reason.find("as asked for"), std::string::npos) << choice.reason;
  }
}

TEST(Choose, AWantedRouteThatIsNotPossibleKeepsItsReason) {
  const auto facts = without_snapshots(large());
  const auto choice = pick_route(facts, estimate_routes(facts), Prefer::kFast, Route::kNative);
  ASSERT_FALSE(choice.ok());
  const Failure failure = failure_of(choice.status());
  EXPECT_EQ(failure.kind, ErrorKind::kRefused);
  EXPECT_EQ(failure.what, "route native is not possible here: the key may not make snapshots");
  EXPECT_EQ(failure.next, "use a key that may write");
}

TEST(Choose, WithoutRoomHereFilesStayWhereTheyAre) {
  auto facts = large();
  facts.spool_free = 10'000'000;
  const auto choice = pick(facts);
  EXPECT_EQ(choice.route, Route::kNative);  // from server to server: nothing is kept here
  for (const Route route : {Route::kEngineRead, Route::kShip}) {
    EXPECT_NE(of(choice, route).impossible.find("--spool"), std::string::npos);
  }
  const auto wanted = pick_route(facts, estimate_routes(facts), Prefer::kFast, Route::kShip);
  ASSERT_FALSE(wanted.ok());
  EXPECT_EQ(kind_of(wanted.status()), ErrorKind::kIo);
}

TEST(Choose, ASlowLinkIsWhatCounts) {
  auto facts = large();
  facts.builds_index = false;
  facts.page_seconds_per_byte = 1e-6;  // a megabyte a second
  const auto choice = pick(facts);
  EXPECT_GT(of(choice, Route::kStream).seconds, 300);
  EXPECT_GT(of(choice, Route::kEngineRead).seconds, 300);
  // The target is beside us, so it fetches over the same link.
  EXPECT_GT(of(choice, Route::kNative).seconds, 300);
  // It is as far away: perhaps beside the source, which nobody here can tell.
  facts.source_round_trip = facts.target_round_trip = 0.03;
  EXPECT_LT(of(pick(facts), Route::kNative).seconds, 30);
  EXPECT_EQ(pick(facts).route, Route::kNative);
  // Under its name here the target would find itself: all goes through this machine, twice.
  facts.target_fetches = false;
  EXPECT_GT(of(pick(facts), Route::kNative).seconds, 600);
}

TEST(Choose, EachShardOfAServersFilesHasItsPrice) {
  auto facts = large();
  const double one = of(pick(facts), Route::kNative).seconds;
  facts.shards = 6;
  EXPECT_GT(of(pick(facts), Route::kNative).seconds, one + 5 * 0.05);
}

TEST(Choose, FilesAreReadOrStreamedButNeverShipped) {
  auto facts = large();
  facts.target = EndKind::kHere;
  facts.builds_index = false;
  facts.why_not(Route::kNative) = fail({.kind = ErrorKind::kIncompatible, .what = "no snapshots"});
  facts.why_not(Route::kShip) = fail({.kind = ErrorKind::kIncompatible, .what = "no snapshots"});
  const auto choice = pick(facts);
  EXPECT_TRUE(choice.route == Route::kStream || choice.route == Route::kEngineRead);
  EXPECT_EQ(choice.reason.find("native is not possible"), std::string::npos) << choice.reason;
  EXPECT_EQ(of(choice, Route::kStream).target_seconds, 0);
}

TEST(Choose, BetweenFilesThereIsNoChoice) {
  auto facts = large();
  facts.source = EndKind::kHere;
  facts.target = EndKind::kHere;
  facts.looked_at = {Route::kStream};
  const auto choice = pick(facts);
  EXPECT_EQ(choice.route, Route::kStream);
  EXPECT_TRUE(choice.reason.empty());
  EXPECT_TRUE(choice.estimates.empty());
}

TEST(Choose, LinesAndJsonTellOfEach) {
  const auto choice = pick(without_snapshots(large()));
  const auto lines = to_lines(choice);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const auto& line) {
    return line == "native: not possible: the key may not make snapshots";
  }));
  const auto json = to_json(choice);
  EXPECT_EQ(json["route"], std::string(to_string(choice.route)));
  EXPECT_EQ(json["reason"], choice.reason);
  ASSERT_EQ(json["estimates"].size(), 4U);
  EXPECT_TRUE(json["estimates"][0]["possible"].get<bool>());
  EXPECT_GT(json["estimates"][0]["seconds"].get<double>(), 0);
  EXPECT_FALSE(json["estimates"][3]["possible"].get<bool>());
  EXPECT_EQ(json["estimates"][3]["why_not"], "the key may not make snapshots");
}

TEST(Choose, PreferencesAreReadBack) {
  for (const Prefer prefer : {Prefer::kFast, Prefer::kLight, Prefer::kConsistent}) {
    EXPECT_EQ(parse_prefer(to_string(prefer)), prefer);
  }
  EXPECT_EQ(parse_prefer("cheap"), std::nullopt);
}

TEST(About, TimesAndSizesAreForPeople) {
  EXPECT_EQ(about_time(0.01), "less than 0.1 s");
  EXPECT_EQ(about_time(0.32), "about 0.3 s");
  EXPECT_EQ(about_time(3.4), "about 3 s");
  EXPECT_EQ(about_time(122), "about 2 min");
  EXPECT_EQ(about_time(7200), "about 2.0 h");
  EXPECT_EQ(about_size(310'000'000), "310 MB");
  EXPECT_EQ(about_size(2.4e9), "2.4 GB");
}

}  // namespace
}  // namespace vecferry
