#include "tests/support/points.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <string_view>

#include "arrow/record_batch.h"
#include "arrow/util/float16.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::testing {
namespace {

template <typename T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!values.empty()) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
  return bytes;
}

std::vector<float> floats_of(const std::vector<std::byte>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

void make_unit(std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  if (sum == 0 || !std::isfinite(sum)) {
    return;
  }
  for (float& value : values) {
    value = static_cast<float>(static_cast<double>(value) / std::sqrt(sum));
  }
}

std::string key_text(const PointKey& key) {
  return to_string(key.first) + (key.second ? fmt::format(" (shard key '{}')", *key.second) : "");
}

}  // namespace

void must(const Status& status) {
  if (!status.ok()) {
    status.Abort();
  }
}

TestVector dense(const std::vector<float>& values) {
  return {bytes_of(values), {}};
}

TestVector sparse(std::vector<uint32_t> indices, const std::vector<float>& values) {
  return {bytes_of(values), std::move(indices)};
}

std::shared_ptr<arrow::RecordBatch> to_batch(const CollectionConfig& config,
                                             const std::vector<TestPoint>& points) {
  const auto builder = PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
  for (const TestPoint& point : points) {
    must(builder->start_point(point.id, point.shard_key));
    for (size_t i = 0; i < builder->vectors().size(); ++i) {
      const VectorSpec& spec = builder->vectors()[i];
      const auto found = point.vectors.find(spec.name);
      if (found == point.vectors.end()) {
        continue;
      }
      const TestVector& vector = found->second;
      must(spec.kind == VectorKind::kSparse
               ? builder->append_sparse(i, vector.indices, floats_of(vector.elements))
               : builder->append_elements(i, vector.elements));
    }
    must(builder->append_payload(point.payload));
  }
  return builder->finish().ValueOrDie();
}

std::vector<TestPoint> to_points(const arrow::RecordBatch& batch) {
  const PointsView view = PointsView::make(batch).ValueOrDie();
  std::vector<TestPoint> points;
  for (int64_t row = 0; row < view.rows(); ++row) {
    TestPoint point{.id = view.id(row), .payload = std::string(view.payload(row))};
    if (const auto key = view.shard_key(row)) {
      point.shard_key = std::string(*key);
    }
    for (const auto& column : view.vectors()) {
      if (!column.present(row)) {
        continue;
      }
      TestVector vector;
      if (column.spec().kind == VectorKind::kSparse) {
        const auto indices = column.indices(row);
        const auto values = column.values(row);
        vector.indices.assign(indices.begin(), indices.end());
        vector.elements = bytes_of(std::vector<float>(values.begin(), values.end()));
      } else {
        const auto elements = column.elements(row);
        vector.elements.assign(elements.begin(), elements.end());
      }
      point.vectors.emplace(column.spec().name, std::move(vector));
    }
    points.push_back(std::move(point));
  }
  return points;
}

std::string to_string(const TestPoint& point) {
  std::string text = key_text({point.id, point.shard_key});
  for (const auto& [name, vector] : point.vectors) {
    text += fmt::format(" '{}'=", name);
    for (const uint32_t index : vector.indices) {
      text += fmt::format("{},", index);
    }
    for (const std::byte byte : vector.elements) {
      text += fmt::format("{:02x}", static_cast<unsigned>(byte));
    }
  }
  return text + " " + (point.payload.empty() ? "{}" : point.payload);
}

std::vector<std::string> differences(const PointMap& expected, const PointMap& got, size_t limit) {
  std::vector<std::string> lines;
  const auto note = [&](std::string line) {
    if (lines.size() < limit) {
      lines.push_back(std::move(line));
    }
  };
  for (const auto& [key, point] : expected) {
    const auto found = got.find(key);
    if (found == got.end()) {
      note("missing " + to_string(point));
    } else if (found->second != point) {
      note("expected " + to_string(point) + "\n     got " + to_string(found->second));
    }
  }
  for (const auto& [key, point] : got) {
    if (expected.count(key) == 0) {
      note("extra " + to_string(point));
    }
  }
  return lines;
}

CollectionConfig Generator::every_kind() {
  const auto dense_of = [](std::string name, ElementType element, Distance distance) {
    return VectorSpec{std::move(name), VectorKind::kDense, element, 4, distance};
  };
  std::vector<VectorSpec> vectors = {
      dense_of("", ElementType::kFloat32, Distance::kCosine),
      dense_of("bytes", ElementType::kUint8, Distance::kEuclid),
      dense_of("euclid", ElementType::kFloat32, Distance::kEuclid),
      dense_of("half", ElementType::kFloat16, Distance::kDot),
      {"multi", VectorKind::kMulti, ElementType::kFloat32, 3, Distance::kDot},
      {"multi.half", VectorKind::kMulti, ElementType::kFloat16, 2, Distance::kManhattan},
      {"words", VectorKind::kSparse, ElementType::kFloat32, 0, Distance::kDot}};
  return default_config(std::move(vectors));
}

CollectionConfig Generator::config() {
  const std::vector<VectorSpec> all = every_kind().vectors;
  std::vector<VectorSpec> vectors;
  for (const VectorSpec& spec : all) {
    if (vectors.size() < 4 && chance(2)) {
      vectors.push_back(spec);
      if (spec.kind != VectorKind::kSparse) {
        vectors.back().dim = static_cast<uint32_t>(1 + below(40));
      }
    }
  }
  return default_config(std::move(vectors));
}

PointId Generator::id(const GeneratorOptions& options) {
  if (options.id_limit != 0) {
    return PointId::of(below(options.id_limit));
  }
  if (chance(3)) {
    Uuid uuid{};
    for (uint8_t& byte : uuid) {
      byte = static_cast<uint8_t>(random_());
    }
    return PointId::of(uuid);
  }
  // Small, anywhere, or at the very end.
  return PointId::of(chance(2)    ? below(1'000'000)
                     : chance(50) ? std::numeric_limits<uint64_t>::max() - below(3)
                                  : random_());
}

float Generator::element(const GeneratorOptions& options) {
  if (options.non_finite && chance(20)) {
    // Different NaNs are different vectors.
    static constexpr uint32_t kOdd[] = {0x7fc00000, 0xffc00001, 0x7f800000, 0xff800000};
    return std::bit_cast<float>(kOdd[below(4)]);
  }
  if (chance(30)) {
    static constexpr float kOdd[] = {0.0F, -0.0F, 1.0F, -1.0F, 1e-20F, 65504.0F};
    return kOdd[below(6)];
  }
  return static_cast<float>(static_cast<double>(below(2'000'001)) / 1e6 - 1.0);
}

TestVector Generator::vector(const VectorSpec& spec, const GeneratorOptions& options) {
  if (spec.kind == VectorKind::kSparse) {
    std::set<uint32_t> indices;
    for (uint64_t n = below(8); n > 0; --n) {
      indices.insert(chance(10) ? std::numeric_limits<uint32_t>::max() - 1
                                : static_cast<uint32_t>(below(1000)));
    }
    std::vector<float> values;
    for (size_t i = 0; i < indices.size(); ++i) {
      values.push_back(element(options));
    }
    return sparse({indices.begin(), indices.end()}, values);
  }
  TestVector vector;
  const uint64_t inner = spec.kind == VectorKind::kMulti ? 1 + below(4) : 1;
  for (uint64_t i = 0; i < inner; ++i) {
    std::vector<float> values(spec.dim);
    for (float& value : values) {
      value = element(options);
    }
    if (options.unit_cosine && spec.distance == Distance::kCosine) {
      make_unit(values);
    }
    std::vector<std::byte> bytes;
    if (spec.element == ElementType::kFloat32) {
      bytes = bytes_of(values);
    } else if (spec.element == ElementType::kFloat16) {
      std::vector<uint16_t> halves;
      halves.reserve(values.size());
      for (const float value : values) {
        halves.push_back(arrow::util::Float16(value).bits());
      }
      bytes = bytes_of(halves);
    } else {
      for (size_t n = 0; n < values.size(); ++n) {
        bytes.push_back(static_cast<std::byte>(below(256)));
      }
    }
    vector.elements.insert(vector.elements.end(), bytes.begin(), bytes.end());
  }
  return vector;
}

void Generator::append_value(int depth, const GeneratorOptions& options, std::string* out) {
  static constexpr std::string_view kStrings[] = {"",
                                                  "plain",
                                                  "\\\"quoted\\\" and \\\\",
                                                  "tab\\tline\\n",
                                                  "\\u0001\\u001f",
                                                  "naïve — 日本語",
                                                  "😀",
                                                  "1.5",
                                                  "a.b",
                                                  "[]",
                                                  "0.1e5,\\\"x\\\":2.5"};
  static constexpr std::string_view kIntegers[] = {
      "0", "-1", "7", "9007199254740993", "-9223372036854775808", "18446744073709551615"};
  static constexpr std::string_view kFloats[] = {"0.5",  "1.0",  "-2.25",  "1e-7",
                                                 "1e16", "-0.0", "123.456"};
  switch (below(depth > 0 ? 8 : 6)) {
    case 0:
      *out += chance(2) ? "true" : "false";
      break;
    case 1:
      *out += "null";
      break;
    case 2:
      *out += kIntegers[below(std::size(kIntegers))];
      break;
    case 3:
      if (options.long_floats && chance(2)) {
        append_float((static_cast<double>(random_()) - 9e18) * std::pow(10.0, -19.0), out);
      } else {
        *out += kFloats[below(std::size(kFloats))];
      }
      break;
    case 4:
    case 5:
      *out += '"';
      *out += kStrings[below(std::size(kStrings))];
      *out += '"';
      break;
    case 6: {
      *out += '[';
      const uint64_t count = below(4);
      for (uint64_t i = 0; i < count; ++i) {
        *out += i == 0 ? "" : ",";
        append_value(depth - 1, options, out);
      }
      *out += ']';
      break;
    }
    default:
      append_object(depth - 1, options, out);
  }
}

void Generator::append_object(int depth, const GeneratorOptions& options, std::string* out) {
  static constexpr std::string_view kKeys[] = {"a",   "b",      "a.b",      "content", "naïve",
                                               "n[]", "x\\\"y", "metadata", "z",       ""};
  *out += '{';
  bool first = true;
  for (const std::string_view key : kKeys) {
    if (!chance(3)) {
      continue;
    }
    *out += fmt::format("{}\"{}\":", first ? "" : ",", key);
    first = false;
    append_value(depth, options, out);
  }
  *out += '}';
}

std::string Generator::payload(const GeneratorOptions& options) {
  std::string json;
  append_object(options.max_payload_depth - 1, options, &json);
  return canonical_payload(json).ValueOrDie();
}

TestPoint Generator::point(const CollectionConfig& config, const GeneratorOptions& options) {
  TestPoint point{.id = id(options), .payload = payload(options)};
  if (options.shard_keys) {
    point.shard_key = chance(2) ? "north" : "süd";
  }
  for (const VectorSpec& spec : config.vectors) {
    if (!options.missing_vectors || !chance(4)) {
      point.vectors.emplace(spec.name, vector(spec, options));
    }
  }
  return point;
}

std::vector<TestPoint> Generator::points(const CollectionConfig& config, size_t count,
                                         const GeneratorOptions& options) {
  PointMap points;
  while (points.size() < count) {
    TestPoint next = point(config, options);
    PointKey key{next.id, next.shard_key};
    points.emplace(std::move(key), std::move(next));
  }
  std::vector<TestPoint> ordered;
  for (auto& [key, each] : points) {
    ordered.push_back(std::move(each));
  }
  return ordered;
}

}  // namespace vecferry::testing
