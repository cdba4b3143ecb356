#include "tests/support/backends.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>

namespace vecferry::testing {

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> read_batches(Backend& backend,
                                                                      std::string_view name,
                                                                      const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        backend.open_reader(name, options, StopToken::Unstoppable()));
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return batches;
    }
    batches.push_back(std::move(batch));
  }
}

Result<PointMap> read_all(Backend& backend, std::string_view name, const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto batches, read_batches(backend, name, options));
  PointMap points;
  for (const auto& batch : batches) {
    for (TestPoint& point : to_points(*batch)) {
      PointKey key{point.id, point.shard_key};
      if (!points.emplace(std::move(key), point).second) {
        return fail({.what = "a reader gave a point twice: " + to_string(point)});
      }
    }
  }
  return points;
}

Status fill(Backend& backend, std::string_view name, const CollectionConfig& config,
            const std::vector<TestPoint>& points, size_t rows_per_batch) {
  const StopToken stop = StopToken::Unstoppable();
  ARROW_RETURN_NOT_OK(backend.create(name, config, stop));
  {
    ARROW_ASSIGN_OR_RAISE(const auto writer, backend.open_writer(name, stop));
    for (size_t first = 0; first < points.size(); first += rows_per_batch) {
      const size_t count = std::min(rows_per_batch, points.size() - first);
      const auto begin = points.begin() + static_cast<std::ptrdiff_t>(first);
      ARROW_RETURN_NOT_OK(
          writer->upsert(*to_batch(config, {begin, begin + static_cast<std::ptrdiff_t>(count)})));
    }
    ARROW_RETURN_NOT_OK(writer->checkpoint());
  }
  return backend.finish(name, config, stop);
}

PointMap map_of(const std::vector<TestPoint>& points) {
  PointMap map;
  for (const TestPoint& point : points) {
    map.insert_or_assign({point.id, point.shard_key}, point);
  }
  return map;
}

::testing::AssertionResult same_points(const PointMap& expected, const PointMap& got) {
  const auto lines = differences(expected, got);
  if (lines.empty()) {
    return ::testing::AssertionSuccess();
  }
  auto result = ::testing::AssertionFailure()
                << expected.size() << " points expected, " << got.size() << " there";
  for (const std::string& line : lines) {
    result << "\n  " << line;
  }
  return result;
}

::testing::AssertionResult same_collections(Backend& a, std::string_view a_name, Backend& b,
                                            std::string_view b_name) {
  const auto a_config = a.describe(a_name, StopToken::Unstoppable());
  const auto b_config = b.describe(b_name, StopToken::Unstoppable());
  const auto a_points = read_all(a, a_name);
  const auto b_points = read_all(b, b_name);
  for (const Status& status :
       {a_config.status(), b_config.status(), a_points.status(), b_points.status()}) {
    if (!status.ok()) {
      return ::testing::AssertionFailure() << status.ToString();
    }
  }
  const auto settings = config_differences(*a_config, *b_config);
  if (!settings.empty()) {
    return ::testing::AssertionFailure() << "configurations differ: " << settings.front();
  }
  return same_points(*a_points, *b_points);
}

}  // namespace vecferry::testing
