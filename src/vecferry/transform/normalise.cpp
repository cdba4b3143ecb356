#include "vecferry/transform/normalise.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/util/float16.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/transform/columns_internal.h"

// The engine sums squares in float32 with 32 accumulators (AVX), 16 (SSE, NEON) or one (vectors
// shorter than 16), and leaves a vector alone when the sum is below 2^-23 or within 1e-6 of 1.
// Which path it takes depends on the machine that it runs on. So we leave a vector alone only if
// every path would, with a margin that covers fused multiply-adds; and what we make is a unit
// vector whose sum, made in double, is within 2e-7 of 1: inside every path's tolerance.
namespace vecferry {
namespace {

constexpr float kTolerance = 1.0e-6F;
constexpr float kMargin = 5.0e-8F;

bool keeps(float sum) {
  constexpr float kZero = std::numeric_limits<float>::epsilon() * (1.0F - 1e-5F);
  return sum < kZero || std::abs(sum - 1.0F) <= kTolerance - kMargin;
}

template <size_t kLanes>
float sum_of_squares(std::span<const float> vector) {
  std::array<float, kLanes> lanes{};
  size_t i = 0;
  for (; i + kLanes <= vector.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += vector[i + lane] * vector[i + lane];
    }
  }
  float sum = 0;
  for (const float lane : lanes) {
    sum += lane;
  }
  for (; i < vector.size(); ++i) {
    sum += vector[i] * vector[i];
  }
  return sum;
}

bool is_finite(std::span<const float> vector) {
  return std::all_of(vector.begin(), vector.end(), [](float x) { return std::isfinite(x); });
}

double sum_of_squares_in_double(std::span<const float> vector) {
  double sum = 0;
  for (const float x : vector) {
    sum += static_cast<double>(x) * static_cast<double>(x);
  }
  return sum;
}

// Divide by the length, made in double.
void divide(std::span<float> vector) {
  const double length = std::sqrt(sum_of_squares_in_double(vector));
  for (float& x : vector) {
    x = static_cast<float>(static_cast<double>(x) / length);
  }
}

float to_float(uint16_t half) {
  return arrow::util::Float16::FromBits(half).ToFloat();
}
uint16_t to_half(float value) {
  return arrow::util::Float16::FromFloat(value).bits();
}

// Half vectors seldom have the length 1, so the server divides what it gets once more. Such a
// vector is stored as it is when every element, divided, rounds to itself again, whichever way the
// server sums: lengths within a margin of ours are tried at both ends, for rounding is monotonous.
class HalfNormaliser {
 public:
  // False when there is a NaN or an infinity.
  bool normalise(std::span<uint16_t> halves) {
    constexpr int kRounds = 4;
    for (int round = 0; round < kRounds; ++round) {
      widen(halves);
      if (!is_finite(values_)) {
        return false;
      }
      if (stable(halves)) {
        return true;
      }
      divide(values_);
      std::transform(values_.begin(), values_.end(), halves.begin(), to_half);
    }
    nudge(halves);
    return true;
  }

 private:
  void widen(std::span<const uint16_t> halves) {
    values_.resize(halves.size());
    std::transform(halves.begin(), halves.end(), values_.begin(), to_float);
  }

  // Call with the values widened.
  bool stable(std::span<const uint16_t> halves) const {
    if (engine_keeps(values_)) {
      return true;
    }
    constexpr double kLengthMargin = 5e-7;
    const double length = std::sqrt(sum_of_squares_in_double(values_));
    for (const double end : {length * (1 - kLengthMargin), length * (1 + kLengthMargin)}) {
      for (size_t i = 0; i < halves.size(); ++i) {
        if (to_half(static_cast<float>(static_cast<double>(values_[i]) / end)) != halves[i]) {
          return false;
        }
      }
    }
    return true;
  }

  // The few vectors for which dividing and rounding does not settle, most of them short: move
  // elements by one step towards the length 1, the largest first, until it does.
  void nudge(std::span<uint16_t> halves) {
    constexpr double kCloseEnough = 5e-5;  // of the squared length; half a step is 1.2e-4 at least
    order_.resize(halves.size());
    std::iota(order_.begin(), order_.end(), size_t{0});
    widen(halves);
    std::sort(order_.begin(), order_.end(),
              [this](size_t a, size_t b) { return std::abs(values_[a]) > std::abs(values_[b]); });
    double sum = sum_of_squares_in_double(values_);
    for (const size_t i : order_) {
      if (std::abs(sum - 1) < kCloseEnough) {
        break;
      }
      const bool longer = sum < 1;
      constexpr uint16_t kMagnitude = 0x7fff;
      if (!longer && (halves[i] & kMagnitude) == 0) {
        break;  // only zeros are left, which cannot shrink
      }
      const auto moved = static_cast<uint16_t>(halves[i] + (longer ? 1 : -1));
      const double before = values_[i];
      const double after = to_float(moved);
      const double moved_sum = sum - before * before + after * after;
      if (std::abs(moved_sum - 1) < std::abs(sum - 1)) {
        halves[i] = moved;
        values_[i] = to_float(moved);
        sum = moved_sum;
      }
    }
  }

  std::vector<float> values_{};
  std::vector<size_t> order_{};
};

class Normalise : public Transform {
 public:
  explicit Normalise(std::vector<std::string> names) : names_(std::move(names)) {}

  std::string describe() const override {
    std::vector<std::string> labels(names_.size());
    std::transform(names_.begin(), names_.end(), labels.begin(), vector_label);
    return fmt::format("normalises {} where the target would", fmt::join(labels, ", "));
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override { return before; }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    const auto before = batch;  // the view's
    ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*before));
    touched_.assign(static_cast<size_t>(points.rows()), false);
    for (const VectorColumn& column : points.vectors()) {
      if (std::find(names_.begin(), names_.end(), column.spec().name) == names_.end() ||
          column.spec().kind == VectorKind::kSparse ||
          column.spec().element == ElementType::kUint8) {
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(batch, apply_column(std::move(batch), points, column));
    }
    changed_ += static_cast<uint64_t>(std::count(touched_.begin(), touched_.end(), true));
    return batch;
  }

  std::unique_ptr<Transform> clone() const override { return std::make_unique<Normalise>(names_); }

  std::map<std::string, uint64_t> counts() const override {
    return {{"vectors_normalised", changed_}};
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> apply_column(
      std::shared_ptr<arrow::RecordBatch> batch, const PointsView& points,
      const VectorColumn& column) {
    // The usual case: all are unit vectors already, and the column stays.
    if (column.spec().element == ElementType::kFloat32 && all_kept(points, column)) {
      return batch;
    }
    const auto& array = *batch->column(column.column());
    const auto edit = [&](int64_t row, std::span<const std::byte> before,
                          std::span<std::byte> after) -> Status {
      std::memcpy(after.data(), before.data(), before.size());
      if (!normalise_row(column.spec(), after)) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = vector_label(column.spec().name) +
                             " has a NaN or an infinity, which a Cosine collection cannot hold",
                     .where = "point " + to_string(points.id(row)),
                     .next = "leave the vector or the point out"});
      }
      if (std::memcmp(after.data(), before.data(), before.size()) != 0) {
        touched_[static_cast<size_t>(row)] = true;
      }
      return Status::OK();
    };
    ARROW_ASSIGN_OR_RAISE(auto made, with_elements(array, column, array.type(), edit));
    return with_column(*batch, column.column(), std::move(made));
  }

  static bool all_kept(const PointsView& points, const VectorColumn& column) {
    const size_t dim = column.spec().dim;
    for (int64_t row = 0; row < points.rows(); ++row) {
      if (!column.present(row)) {
        continue;
      }
      const auto elements = column.elements(row);
      const std::span<const float> values(reinterpret_cast<const float*>(elements.data()),
                                          elements.size() / sizeof(float));
      for (size_t first = 0; first < values.size(); first += dim) {
        if (!engine_keeps(values.subspan(first, dim))) {
          return false;
        }
      }
    }
    return true;
  }

  bool normalise_row(const VectorSpec& spec, std::span<std::byte> elements) {
    const size_t dim = spec.dim;
    if (spec.element == ElementType::kFloat32) {
      const std::span<float> values(reinterpret_cast<float*>(elements.data()),
                                    elements.size() / sizeof(float));
      for (size_t first = 0; first < values.size(); first += dim) {
        if (!normalise_vector(values.subspan(first, dim))) {
          return false;
        }
      }
      return true;
    }
    const std::span<uint16_t> halves(reinterpret_cast<uint16_t*>(elements.data()),
                                     elements.size() / sizeof(uint16_t));
    for (size_t first = 0; first < halves.size(); first += dim) {
      if (!halves_.normalise(halves.subspan(first, dim))) {
        return false;
      }
    }
    return true;
  }

  std::vector<std::string> names_;
  std::vector<bool> touched_{};  // rows of this batch
  HalfNormaliser halves_{};
  uint64_t changed_ = 0;
};

}  // namespace

bool engine_keeps(std::span<const float> vector) {
  if (vector.size() < 16) {
    return keeps(sum_of_squares<1>(vector));
  }
  return keeps(sum_of_squares<16>(vector)) &&
         (vector.size() < 32 || keeps(sum_of_squares<32>(vector)));
}

bool normalise_vector(std::span<float> vector) {
  if (engine_keeps(vector)) {
    return true;
  }
  if (!is_finite(vector)) {
    return false;
  }
  divide(vector);
  return true;
}

std::unique_ptr<Transform> normalise(std::vector<std::string> names) {
  return std::make_unique<Normalise>(std::move(names));
}

}  // namespace vecferry
