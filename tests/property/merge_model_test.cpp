#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "tests/ops/memory_places.h"
#include "tests/ops/merge_sources.h"
#include "vecferry/ops/merge.h"
#include "vecferry/ops/split.h"
#include "vecferry/transform/remap_ids.h"

namespace vecferry::testing {
namespace {

// A point of a source, and what becomes of it, by the words of docs/merge-and-split.md.
struct Candidate {
  size_t source = 0;
  TestPoint point{};
  std::string text{};  // normalised; empty: none
  std::optional<uint64_t> moment{};
  bool gone = false;
  bool remapped = false;
};

struct World {
  std::vector<std::vector<TestPoint>> sources;
  std::vector<Candidate> all;  // by source, then by id
};

World make_world(Generator& generator) {
  World world;
  const uint64_t words = 1 + generator.below(12);
  const uint64_t vectors = 1 + generator.below(8);
  for (size_t source = 0; source < 2 + generator.below(3); ++source) {
    auto& points = world.sources.emplace_back();
    for (uint64_t id = 0; id < 30; ++id) {
      if (generator.chance(2)) {
        continue;
      }
      Candidate candidate{.source = source};
      std::string content;
      if (!generator.chance(6)) {
        candidate.text = fmt::format("w {}", generator.below(words));
        content = generator.chance(2) ? candidate.text : "\\n " + candidate.text + "\\t";
      }
      std::string payload = content.empty() ? "" : fmt::format("\"content\":\"{}\"", content);
      if (!generator.chance(4)) {
        candidate.moment = generator.below(4);
        payload =
            fmt::format("\"at\":{}{}{}", *candidate.moment, payload.empty() ? "" : ",", payload);
      }
      candidate.point = small_point(id, static_cast<float>(generator.below(vectors)),
                                    payload.empty() ? "" : "{" + payload + "}");
      if (id % 7 == 0) {  // UUIDs among them
        candidate.point.id = remapped_id("some", PointId::of(id));
      }
      points.push_back(candidate.point);
      world.all.push_back(std::move(candidate));
    }
  }
  std::stable_sort(world.all.begin(), world.all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.source, a.point.id) < std::tie(b.source, b.point.id);
  });
  return world;
}

bool same_key(Dedupe dedupe, const Candidate& a, const Candidate& b) {
  switch (dedupe) {
    case Dedupe::kContent:
      return !a.text.empty() && a.text == b.text;
    case Dedupe::kVector:
      return a.point.vectors == b.point.vectors;
    case Dedupe::kExact:
      return a.point.vectors == b.point.vectors && a.point.payload == b.point.payload;
    case Dedupe::kId:
    case Dedupe::kNone:
      break;
  }
  return false;
}

// Quadratic on purpose: each rule as it is written, nothing clever.
class Model {
 public:
  Model(World& world, const MergeRules& rules) : all_(world.all), rules_(rules) {}

  // False when the merge is refused.
  bool run() {
    const bool ids_first =
        rules_.on_conflict != OnConflict::kError && rules_.on_conflict != OnConflict::kRemap;
    if (ids_first) {
      settle_ids();
    }
    drop_duplicates();
    return ids_first || part_ids();
  }

 private:
  void settle_ids() {
    for (auto& a : all_) {
      for (auto& b : all_) {
        if (a.source < b.source && a.point.id == b.point.id && !a.gone && !b.gone) {
          (loses(a, b) ? a : b).gone = true;
        }
      }
    }
  }

  // Does the point of the earlier source give way?
  bool loses(const Candidate& earlier, const Candidate& later) const {
    return rules_.on_conflict == OnConflict::kLast ||
           (rules_.on_conflict == OnConflict::kNewest && later.moment &&
            (!earlier.moment || *later.moment > *earlier.moment));
  }

  void drop_duplicates() {
    for (size_t i = 0; i < all_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (!all_[i].gone && !all_[j].gone && same_key(rules_.dedupe, all_[j], all_[i])) {
          all_[i].gone = true;
        }
      }
    }
  }

  bool part_ids() {
    for (size_t i = 0; i < all_.size(); ++i) {
      for (size_t j = 0; j < i && !all_[i].gone; ++j) {
        if (all_[j].gone || all_[j].point.id != all_[i].point.id) {
          continue;
        }
        if (rules_.dedupe != Dedupe::kNone && all_[j].point == all_[i].point) {
          all_[i].gone = true;
        } else if (rules_.on_conflict == OnConflict::kError) {
          return false;
        } else {
          all_[i].remapped = true;
        }
      }
    }
    return true;
  }

  std::vector<Candidate>& all_;
  const MergeRules& rules_;
};

std::string with_member(std::string payload, const PointId& id) {
  const std::string value = id.is_uuid ? '"' + to_string(id) + '"' : to_string(id);
  const std::string member = "\"merged_id\":" + value;  // sorts behind `at` and `content`
  if (payload.empty()) {
    return "{" + member + "}";
  }
  payload.pop_back();
  return payload + "," + member + "}";
}

void expect_merge(uint64_t seed) {
  Generator generator(seed);
  World world = make_world(generator);
  static constexpr std::array<std::string_view, 5> kDedupe = {"id", "content", "vector", "exact",
                                                              "none"};
  static constexpr std::array<std::string_view, 5> kConflict = {"error", "first", "last",
                                                                "newest:at", "remap"};
  const auto dedupe = kDedupe.at(generator.below(kDedupe.size()));
  const auto conflict = kConflict.at(generator.below(kConflict.size()));
  SCOPED_TRACE(fmt::format("seed {}: --dedupe {} --on-conflict {}", seed, dedupe, conflict));

  MemoryWorkshop bench;
  MergeRequest request{.target = bench.places.end("p/all"),
                       .rules = parse_merge_rules(dedupe, conflict, "content").ValueOrDie(),
                       .provenance = false,
                       .lanes = static_cast<int>(1 + generator.below(4))};
  for (size_t i = 0; i < world.sources.size(); ++i) {
    const std::string name = fmt::format("s{}", i);
    must(fill(bench.places.place("p"), name, small_config(), world.sources[i], 5));
    request.sources.push_back(bench.places.end("p/" + name));
  }
  const auto planned = plan_merge(request, bench.places, bench.progress, StopToken::Unstoppable());
  const bool possible = Model(world, request.rules).run();
  ASSERT_EQ(planned.ok(), possible) << planned.status().ToString();
  if (!possible) {
    EXPECT_EQ(kind_of(planned.status()), ErrorKind::kIncompatible);
    return;
  }
  const auto end = bench.run(planned->plan).ValueOrDie();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  PointMap expected;
  for (const auto& candidate : world.all) {
    if (candidate.gone) {
      continue;
    }
    TestPoint point = candidate.point;
    if (candidate.remapped) {
      point.id = remapped_id(fmt::format("p/s{}", candidate.source), candidate.point.id);
      point.payload = with_member(point.payload, candidate.point.id);
    }
    expected[{point.id, std::nullopt}] = point;
  }
  EXPECT_TRUE(same_points(expected, read_all(bench.places.place("p"), "all").ValueOrDie()));
  EXPECT_EQ(planned->report.tally.kept(), expected.size());
}

TEST(MergeModelTest, RandomUnionsAgreeWithThePlainRules) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    expect_merge(seed);
    if (HasFailure()) {
      return;
    }
  }
}

// Split by a field, by filters or by shares, and merged again: the same points.
TEST(SplitModelTest, PartsMergeBackToTheWhole) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Generator generator(seed);
    const auto config = Generator::every_kind();
    auto points = generator.points(config, generator.below(60) + 1);
    for (auto& point : points) {
      point.payload = generator.chance(5) ? "" : fmt::format(R"({{"k":{}}})", generator.below(4));
    }
    MemoryWorkshop bench;
    must(fill(bench.places.place("p"), "all", config, points, 7));
    SplitRequest split{.source = bench.places.end("p/all"),
                       .place = bench.places.end("p/all"),
                       .rest = "rest",
                       .memory_bytes = 1};
    switch (generator.below(3)) {
      case 0:
        split.by = "k";
        split.min_size = generator.below(8);
        break;
      case 1:
        split.where = {{"one", Filter::parse("k=1").ValueOrDie()},
                       {"more", Filter::parse("k>1").ValueOrDie()}};
        break;
      default:
        split.parts = static_cast<int>(2 + generator.below(5));
        split.rest.clear();
    }
    const auto plan =
        plan_split(split, bench.places, bench.progress, StopToken::Unstoppable()).ValueOrDie();
    const auto parted = bench.run(plan).ValueOrDie();
    ASSERT_EQ(parted.state, OperationState::kDone) << parted.error.ToString();
    MergeRequest merge{.target = bench.places.end("p/back"), .provenance = false};
    for (const auto& each : bench.places.place("p").list(StopToken::Unstoppable()).ValueOrDie()) {
      if (each.name != "all") {
        merge.sources.push_back(bench.places.end("p/" + each.name));
      }
    }
    if (merge.sources.size() < 2) {
      continue;
    }
    const auto united =
        plan_merge(merge, bench.places, bench.progress, StopToken::Unstoppable()).ValueOrDie();
    ASSERT_EQ(bench.run(united.plan).ValueOrDie().state, OperationState::kDone);
    ASSERT_TRUE(same_collections(bench.places.place("p"), "all", bench.places.place("p"), "back"));
  }
}

}  // namespace
}  // namespace vecferry::testing
