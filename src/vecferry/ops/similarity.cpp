#include <algorithm>
#include <cmath>
#include <cstring>

#include "arrow/util/float16.h"
#include "vecferry/ops/similarity_internal.h"

namespace vecferry {
namespace {

std::vector<float> as_floats(std::span<const std::byte> bytes, ElementType element) {
  std::vector<float> values(bytes.size() / size_of(element));
  for (size_t i = 0; i < values.size(); ++i) {
    switch (element) {
      case ElementType::kFloat32:
        std::memcpy(&values[i], bytes.data() + i * sizeof(float), sizeof(float));
        break;
      case ElementType::kFloat16: {
        uint16_t bits = 0;
        std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
        values[i] = arrow::util::Float16::FromBits(bits).ToFloat();
        break;
      }
      case ElementType::kUint8:
        values[i] = static_cast<float>(std::to_integer<uint8_t>(bytes[i]));
        break;
    }
  }
  return values;
}

float dense_score(Distance distance, std::span<const float> a, std::span<const float> b) {
  double dot = 0;
  double norm_a = 0;
  double norm_b = 0;
  double squares = 0;
  double absolutes = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    dot += x * y;
    norm_a += x * x;
    norm_b += y * y;
    squares += (x - y) * (x - y);
    absolutes += std::abs(x - y);
  }
  switch (distance) {
    case Distance::kCosine:
      return norm_a > 0 && norm_b > 0 ? static_cast<float>(dot / std::sqrt(norm_a * norm_b)) : 0;
    case Distance::kDot:
      return static_cast<float>(dot);
    case Distance::kEuclid:
      return static_cast<float>(std::sqrt(squares));
    case Distance::kManhattan:
      break;
  }
  return static_cast<float>(absolutes);
}

float sparse_score(const QueryVector& a, const QueryVector& b) {
  double dot = 0;
  for (size_t i = 0, j = 0; i < a.indices.size() && j < b.indices.size();) {
    if (a.indices[i] < b.indices[j]) {
      ++i;
    } else if (b.indices[j] < a.indices[i]) {
      ++j;
    } else {
      dot += static_cast<double>(a.values[i++]) * static_cast<double>(b.values[j++]);
    }
  }
  return static_cast<float>(dot);
}

}  // namespace

QueryVector take_vector(const VectorColumn& column, const VectorSpec& spec, int64_t row) {
  QueryVector vector{.spec = spec};
  if (spec.kind == VectorKind::kSparse) {
    const auto values = column.values(row);
    const auto indices = column.indices(row);
    vector.values.assign(values.begin(), values.end());
    vector.indices.assign(indices.begin(), indices.end());
  } else {
    vector.values = as_floats(column.elements(row), spec.element);
  }
  return vector;
}

bool larger_is_nearer(Distance distance) {
  return distance == Distance::kCosine || distance == Distance::kDot;
}

float score(const QueryVector& query, const QueryVector& other) {
  if (query.spec.kind == VectorKind::kSparse) {
    return sparse_score(query, other);
  }
  const size_t dim = query.spec.dim;
  const Distance distance = query.spec.distance;
  float total = 0;
  for (size_t i = 0; i + dim <= query.values.size(); i += dim) {
    float best = 0;
    for (size_t j = 0; j + dim <= other.values.size(); j += dim) {
      const float one =
          dense_score(distance, {query.values.data() + i, dim}, {other.values.data() + j, dim});
      const bool nearer = larger_is_nearer(distance) ? one > best : one < best;
      best = j == 0 || nearer ? one : best;
    }
    total += best;
  }
  return total;
}

}  // namespace vecferry
