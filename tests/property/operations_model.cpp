#include "tests/property/operations_model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/ops/memory_places.h"
#include "tests/ops/merge_sources.h"
#include "tests/support/backends.h"
#include "vecferry/ops/alias.h"
#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/clone.h"
#include "vecferry/ops/drop.h"
#include "vecferry/ops/merge.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/rename.h"
#include "vecferry/ops/split.h"
#include "vecferry/ops/sync.h"

namespace vecferry::testing {
namespace {

const StopToken kNoStop = StopToken::Unstoppable();

struct ModelCollection {
  PointMap points{};
  std::set<std::string> indexes{};  // payload paths

  friend bool operator==(const ModelCollection&, const ModelCollection&) = default;
};

// What a person would find in the place.
struct ModelPlace {
  std::map<std::string, ModelCollection> collections{};
  std::map<std::string, std::string> aliases{};

  friend bool operator==(const ModelPlace&, const ModelPlace&) = default;
};

ModelPlace look_at(Backend& backend) {
  ModelPlace place;
  for (const auto& each : backend.list(kNoStop).ValueOrDie()) {
    ModelCollection& collection = place.collections[each.name];
    collection.points = read_all(backend, each.name).ValueOrDie();
    for (const auto& index : backend.describe(each.name, kNoStop).ValueOrDie().payload_indexes) {
      collection.indexes.insert(index.path);
    }
  }
  place.aliases = alias_map(backend, kNoStop).ValueOrDie();
  return place;
}

std::string summary_of(const ModelPlace& place) {
  std::string text;
  for (const auto& [name, collection] : place.collections) {
    text += fmt::format(" {}({} points, {} indexes)", name, collection.points.size(),
                        collection.indexes.size());
  }
  for (const auto& [alias, leads] : place.aliases) {
    text += fmt::format(" {}->{}", alias, leads);
  }
  return text;
}

// One seed's run.
class Run {
 public:
  Run(std::shared_ptr<Backend> backend, uint64_t seed)
      : backend_(std::move(backend)), random_(seed) {
    bench_.places.add("p", backend_);
    for (int i = 0; i < 2; ++i) {
      add_collection();
    }
  }

  void step() {
    last_.clear();
    switch (random_.below(12)) {
      case 0:
        return clone();
      case 1:
        return rename();
      case 2:
        return merge();
      case 3:
        return split();
      case 4:
        return sync();
      case 5:
        return two_way();
      case 6:
        return change_alias();
      case 7:
        return empty();
      case 8:
        return drop();
      case 9:
      case 10:
        return undo();
      default:
        return write();
    }
  }

  const std::string& last() const { return last_; }
  ::testing::AssertionResult agrees() {
    const ModelPlace found = look_at(*backend_);
    if (found == model_) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure()
           << "expected" << summary_of(model_) << "\n  found" << summary_of(found);
  }

 private:
  struct Done {
    std::string id{};
    ModelPlace before{};
  };

  OpenedEnd end(const std::string& name) { return bench_.places.end("p/" + name); }
  std::string new_name() { return fmt::format("c{}", ++names_); }

  // A collection that is there; "" when none is.
  std::string any() {
    if (model_.collections.empty()) {
      return {};
    }
    auto at = model_.collections.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(model_.collections.size())));
    return at->first;
  }

  TestPoint any_point() {
    return small_point(1 + random_.below(40), static_cast<float>(random_.below(4)),
                       fmt::format(R"({{"k":{}}})", random_.below(3)));
  }

  void add_collection() {
    const std::string name = new_name();
    std::map<PointId, TestPoint> points;
    for (uint64_t i = random_.below(25); i > 0; --i) {
      const TestPoint point = any_point();
      points[point.id] = point;
    }
    std::vector<TestPoint> list;
    ModelCollection& made = model_.collections[name];
    for (const auto& [id, point] : points) {
      list.push_back(point);
      made.points[{id, std::nullopt}] = point;
    }
    auto config = small_config();
    if (random_.chance(2)) {
      config.payload_indexes = {{.path = "k", .schema_json = "\"integer\""}};
      made.indexes = {"k"};
    }
    must(fill(*backend_, name, config, list, 7));
  }

  // Somebody else writes: operations before that are no longer undone.
  void write() {
    last_ = "write";
    done_.clear();
    if (model_.collections.size() < 3 && random_.chance(2)) {
      return add_collection();
    }
    const std::string name = any();
    if (name.empty()) {
      return add_collection();
    }
    const TestPoint point = any_point();
    const auto writer = backend_->open_writer(name, kNoStop).ValueOrDie();
    must(writer->upsert(*to_batch(small_config(), {point})));
    must(writer->checkpoint());
    model_.collections[name].points[{point.id, std::nullopt}] = point;
  }

  // Carry it out; `change` says what it does to the model.
  void carry_out(const Result<OperationPlan>& plan, const std::function<void()>& change) {
    ASSERT_TRUE(plan.ok()) << plan.status().ToString();
    if (plan->steps.empty()) {
      return;
    }
    ModelPlace before = model_;
    const auto end = bench_.run(*plan).ValueOrDie();
    ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
    change();
    done_.push_back({.id = end.id, .before = std::move(before)});
  }

  void clone() {
    const std::string from = any();
    const std::string to = new_name();
    const bool aliases = random_.chance(2);
    last_ = fmt::format("clone {} {} {}", from, to, aliases);
    if (from.empty()) {
      return;
    }
    carry_out(plan_clone({.source = end(from), .target = end(to), .aliases = aliases},
                         bench_.places, kNoStop),
              [&] {
                model_.collections[to] = model_.collections[from];
                for (auto& [alias, leads] : model_.aliases) {
                  leads = aliases && leads == from ? to : leads;
                }
              });
  }

  void rename() {
    const std::string from = any();
    const std::string to = new_name();
    const bool keep = random_.chance(2);
    last_ = fmt::format("rename {} {} {}", from, to, keep);
    if (from.empty()) {
      return;
    }
    RenameRequest request{.source = end(from), .new_name = to, .keep_alias = keep};
    if (random_.chance(2)) {
      request.journal = bench_.journal->folder();
    }
    carry_out(plan_rename(request, bench_.places, kNoStop), [&] {
      model_.collections[to] = model_.collections[from];
      model_.collections.erase(from);
      for (auto& [alias, leads] : model_.aliases) {
        leads = leads == from ? to : leads;
      }
      if (keep) {
        model_.aliases[from] = to;
      }
    });
  }

  void merge() {
    const std::string a = any();
    const std::string b = any();
    const std::string to = new_name();
    const bool first = random_.chance(2);
    last_ = fmt::format("merge {} {} {} {}", a, b, to, first ? "first" : "last");
    if (a == b) {
      return;
    }
    MergeRequest request{
        .sources = {end(a), end(b)},
        .target = end(to),
        .rules = parse_merge_rules("id", first ? "first" : "last", "content").ValueOrDie(),
        .provenance = false};
    const auto planned = plan_merge(request, bench_.places, bench_.progress, kNoStop);
    carry_out(planned.ok() ? Result<OperationPlan>(planned->plan) : planned.status(), [&] {
      ModelCollection merged = model_.collections[first ? a : b];
      const ModelCollection& other = model_.collections[first ? b : a];
      merged.points.insert(other.points.begin(), other.points.end());
      merged.indexes.insert(other.indexes.begin(), other.indexes.end());
      model_.collections[to] = std::move(merged);
    });
  }

  void split() {
    const std::string from = any();
    const std::string one = new_name();
    const std::string rest = new_name();
    const bool drops = random_.chance(2);
    last_ = fmt::format("split {} {} {} {}", from, one, rest, drops);
    if (from.empty() || model_.collections[from].points.empty()) {
      return;
    }
    SplitRequest request{.source = end(from),
                         .place = end(from),
                         .where = {{one, Filter::parse("k=1").ValueOrDie()}},
                         .rest = rest,
                         .drop_source = drops,
                         .memory_bytes = 1};
    carry_out(plan_split(request, bench_.places, bench_.progress, kNoStop), [&] {
      const ModelCollection whole = model_.collections[from];
      model_.collections[one].indexes = whole.indexes;
      for (const auto& [key, point] : whole.points) {
        const bool its = point.payload == R"({"k":1})";
        auto& part = model_.collections[its ? one : rest];
        part.points[key] = point;
        part.indexes = whole.indexes;
      }
      if (drops) {
        forget(from);
      }
    });
  }

  void sync() {
    const std::string from = any();
    const std::string to = random_.chance(6) ? new_name() : any();
    const bool remove = random_.chance(2);
    const bool settings = random_.chance(2);
    last_ = fmt::format("sync {} {} {} {}", from, to, remove, settings);
    if (from.empty() || from == to) {
      return;
    }
    const bool made = model_.collections.count(to) == 0;
    const SyncRequest request{.source = end(from),
                              .target = end(to),
                              .remove = remove,
                              .limit = {.share = 1},
                              .settings = settings};
    carry_out(plan_sync(request, desk()), [&] {
      const ModelCollection source = model_.collections[from];
      ModelCollection& target = model_.collections[to];
      if (remove) {
        target.points.clear();
      }
      for (const auto& [key, point] : source.points) {
        target.points[key] = point;
      }
      if (made || settings) {
        target.indexes = source.indexes;
      }
    });
  }

  void two_way() {
    const std::string left = any();
    const std::string right = any();
    const bool prefers_left = random_.chance(2);
    last_ = fmt::format("sync --both {} {} {}", left, right, prefers_left);
    if (left == right) {
      return;
    }
    const TwoWayRequest request{
        .left = end(left),
        .right = end(right),
        .preference = parse_preference(prefers_left ? "left" : "right").ValueOrDie()};
    carry_out(plan_two_way(request, desk()), [&] {
      PointMap all = model_.collections[prefers_left ? left : right].points;
      const auto& other = model_.collections[prefers_left ? right : left].points;
      all.insert(other.begin(), other.end());
      model_.collections[left].points = all;
      model_.collections[right].points = all;
    });
  }

  void change_alias() {
    const std::string alias = fmt::format("a{}", random_.below(2));
    const std::string to = any();
    const bool gone = random_.chance(3);
    last_ = fmt::format("alias {} {}", alias, gone ? "-" : to);
    if (to.empty() || (gone && model_.aliases.count(alias) == 0)) {
      return;
    }
    AliasRequest request{.alias = end(alias)};
    if (!gone) {
      request.collection = to;
      request.careful = !model_.collections[to].points.empty() && random_.chance(2);
    }
    carry_out(plan_alias(request, kNoStop), [&] {
      if (gone) {
        model_.aliases.erase(alias);
      } else {
        model_.aliases[alias] = to;
      }
    });
  }

  void empty() {
    const std::string name = any();
    last_ = "empty " + name;
    if (name.empty()) {
      return;
    }
    carry_out(plan_empty({.target = end(name)}, kNoStop),
              [&] { model_.collections[name].points.clear(); });
  }

  void drop() {
    const std::string name = any();
    last_ = "drop " + name;
    if (name.empty()) {
      return;
    }
    carry_out(plan_drop({.target = end(name)}, kNoStop), [&] { forget(name); });
  }

  void undo() {
    last_ = "undo";
    if (done_.empty()) {
      return;
    }
    const Done done = done_.back();
    done_.pop_back();
    const auto end = undo_operation(done.id, IfChanged::kRefuse, bench_.shop()).ValueOrDie();
    ASSERT_EQ(end.state, OperationState::kUndone) << end.error.ToString();
    model_ = done.before;
  }

  void forget(const std::string& name) {
    model_.collections.erase(name);
    std::erase_if(model_.aliases, [&](const auto& alias) { return alias.second == name; });
  }

  Desk desk() { return {.places = bench_.places, .progress = bench_.progress}; }

  std::shared_ptr<Backend> backend_;
  Generator random_;
  MemoryWorkshop bench_;
  ModelPlace model_;
  std::vector<Done> done_;  // newest last, none undone
  std::string last_;
  int names_ = 0;
};

}  // namespace

void expect_operations_agree(const PlaceMaker& make, uint64_t seeds, int operations) {
  const char* only = std::getenv("VECFERRY_TEST_SEED");
  const uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  const uint64_t last = only == nullptr ? seeds : first;
  for (uint64_t seed = first; seed <= last; ++seed) {
    Run run(make(), seed);
    for (int i = 0; i < operations; ++i) {
      run.step();
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << ": " << run.last();
      ASSERT_TRUE(run.agrees()) << "seed " << seed << ", operation " << i << ": " << run.last();
    }
  }
}

}  // namespace vecferry::testing
