#include "tests/property/backend_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <deque>
#include <functional>

#include "arrow/record_batch.h"
#include "tests/support/backends.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

class ModelRun {
 public:
  ModelRun(const PlaceKind& kind, uint64_t seed)
      : random_(seed),
        place_(kind.make()),
        backend_(place_->backend()),
        name_(place_->name()),
        config_(kind.config),
        options_(points_that_fit(backend_.capabilities())) {
    options_.id_limit = 1 + random_.below(80);
  }

  Status run(int operations) {
    ARROW_RETURN_NOT_OK(backend_.create(name_, config_, kGoOn));
    ARROW_RETURN_NOT_OK(backend_.finish(name_, config_, kGoOn));
    for (int i = 0; i < operations; ++i) {
      ARROW_RETURN_NOT_OK(step());
    }
    ARROW_RETURN_NOT_OK(checkpoint());
    return compare({}, "at the end");
  }

  std::string last_operations() const { return fmt::format("{}", fmt::join(log_, "\n  ")); }

 private:
  void note(std::string operation) {
    constexpr size_t kKept = 12;
    log_.push_back(std::move(operation));
    if (log_.size() > kKept) {
      log_.pop_front();
    }
  }

  Status step() {
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return upsert();
      case 4:
      case 5:
        return remove();
      case 6:
        note("close the writer");
        ARROW_RETURN_NOT_OK(checkpoint());
        writer_.reset();
        return Status::OK();
      case 7:
        note("finish again");
        ARROW_RETURN_NOT_OK(checkpoint());
        writer_.reset();
        return backend_.finish(name_, config_, kGoOn);
      default:
        ARROW_RETURN_NOT_OK(checkpoint());
        return read();
    }
  }

  Status open_writer() {
    if (writer_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(writer_, backend_.open_writer(name_, kGoOn));
    }
    return Status::OK();
  }

  Status checkpoint() { return writer_ == nullptr ? Status::OK() : writer_->checkpoint(); }

  // Numbers collide; now and then a UUID is among them.
  PointId id() {
    return random_.chance(4) && !uuids_.empty() ? uuids_[random_.below(uuids_.size())]
                                                : random_.id(options_);
  }

  Status upsert() {
    std::vector<TestPoint> points;
    std::map<PointId, bool> there;
    for (uint64_t n = random_.below(20); n > 0; --n) {
      TestPoint point = random_.point(config_, options_);
      point.id = id();
      if (random_.chance(10)) {
        point.id = PointId::of(Uuid{static_cast<uint8_t>(random_.below(256)), 7});
        uuids_.push_back(point.id);
      }
      if (there.emplace(point.id, true).second) {
        points.push_back(std::move(point));
      }
    }
    note(fmt::format("upsert {} points", points.size()));
    ARROW_RETURN_NOT_OK(open_writer());
    ARROW_RETURN_NOT_OK(writer_->upsert(*to_batch(config_, points)));
    for (TestPoint& point : points) {
      PointKey key{point.id, point.shard_key};
      model_.insert_or_assign(std::move(key), std::move(point));
    }
    return Status::OK();
  }

  Status remove() {
    std::vector<PointId> ids;
    std::string words;
    for (uint64_t n = random_.below(8); n > 0; --n) {
      ids.push_back(id());
      words += " " + vecferry::to_string(ids.back());
    }
    note("remove" + words);
    ARROW_RETURN_NOT_OK(open_writer());
    ARROW_RETURN_NOT_OK(writer_->remove(ids));
    for (const PointId& id : ids) {
      std::erase_if(model_, [&](const auto& each) { return each.first.first == id; });
    }
    return Status::OK();
  }

  Status read() {
    static constexpr const char* kFilters[] = {
        R"({"must":[{"key":"b","match":{"value":true}}]})",
        R"({"must_not":[{"is_empty":{"key":"a"}}]})",
        R"({"should":[{"key":"metadata","range":{"gt":-1}},{"key":"z","match":{"any":["plain"]}}]})"};
    ScanOptions options;
    std::string words = "read";
    if (random_.chance(2)) {
      options.range = {random_.chance(3) ? std::nullopt : std::optional(id()),
                       random_.chance(3) ? std::nullopt : std::optional(id())};
      words += ", " + vecferry::to_string(options.range);
    }
    if (random_.chance(3)) {
      const char* text = kFilters[random_.below(std::size(kFilters))];
      ARROW_ASSIGN_OR_RAISE(options.filter, Filter::parse(text));
      words += fmt::format(", {}", text);
    }
    if (random_.chance(3)) {
      options.vectors.emplace();
      for (const VectorSpec& spec : config_.vectors) {
        if (random_.chance(2)) {
          options.vectors->push_back(spec.name);
        }
      }
      words += fmt::format(", vectors '{}'", fmt::join(*options.vectors, "' '"));
    }
    options.payload = !random_.chance(4);
    options.batch_bytes = static_cast<int64_t>(1 + random_.below(4000));
    words += fmt::format("{}, batches of {} bytes", options.payload ? "" : ", no payload",
                         options.batch_bytes);
    note(words);
    return compare(options, words);
  }

  Result<PointMap> expected(const ScanOptions& options) const {
    PointMap points;
    for (const auto& [key, point] : model_) {
      if (!options.range.contains(point.id)) {
        continue;
      }
      if (options.filter != nullptr) {
        const auto batch = to_batch(config_, {point});
        ARROW_ASSIGN_OR_RAISE(const PointsView view, PointsView::make(*batch));
        ARROW_ASSIGN_OR_RAISE(const bool matches, options.filter->matches(view, 0));
        if (!matches) {
          continue;
        }
      }
      TestPoint shown = point;
      if (options.vectors) {
        std::erase_if(shown.vectors, [&](const auto& vector) {
          return std::find(options.vectors->begin(), options.vectors->end(), vector.first) ==
                 options.vectors->end();
        });
      }
      if (!options.payload) {
        shown.payload.clear();
      }
      points.emplace(key, std::move(shown));
    }
    return points;
  }

  Status compare(const ScanOptions& options, const std::string& words) {
    ARROW_ASSIGN_OR_RAISE(const PointMap want, expected(options));
    ARROW_ASSIGN_OR_RAISE(const PointMap got, read_all(backend_, name_, options));
    const auto lines = differences(want, got);
    if (!lines.empty()) {
      return fail({.what = fmt::format("{}: {} points expected, {} there\n  {}", words, want.size(),
                                       got.size(), fmt::join(lines, "\n  "))});
    }
    if (options.range == IdRange{}) {
      ARROW_ASSIGN_OR_RAISE(const uint64_t count,
                            backend_.count(name_, options.filter.get(), kGoOn));
      if (count != want.size()) {
        return fail(
            {.what = fmt::format("{}: counts {}, and {} are there", words, count, want.size())});
      }
    }
    return Status::OK();
  }

  Generator random_;
  std::unique_ptr<Place> place_;
  Backend& backend_;
  std::string name_;
  CollectionConfig config_;
  GeneratorOptions options_;
  std::unique_ptr<PointWriter> writer_{};
  PointMap model_{};
  std::vector<PointId> uuids_{};
  std::deque<std::string> log_{};
};

}  // namespace

std::string disagreement(const PlaceKind& kind, uint64_t seed, int operations) {
  ModelRun run(kind, seed);
  const Status status = run.run(operations);
  return status.ok() ? ""
                     : fmt::format("seed {}, after\n  {}\n{}", seed, run.last_operations(),
                                   status.ToString());
}

void expect_agreement(const PlaceKind& kind, uint64_t seeds, int operations) {
  uint64_t first = 1;
  if (const char* chosen = std::getenv("VECFERRY_TEST_SEED")) {
    first = std::strtoull(chosen, nullptr, 10);
    seeds = first;
  }
  for (uint64_t seed = first; seed <= seeds; ++seed) {
    const std::string difference = disagreement(kind, seed, operations);
    ASSERT_EQ(difference, "") << "run again with VECFERRY_TEST_SEED=" << seed;
  }
}

}  // namespace vecferry::testing
