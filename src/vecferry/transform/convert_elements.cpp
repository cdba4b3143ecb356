#include "vecferry/transform/convert_elements.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/float16.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/transform/columns_internal.h"

namespace vecferry {
namespace {

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float read(ElementType type, const std::byte* from) {
  switch (type) {
    case ElementType::kFloat32:
      return load<float>(from);
    case ElementType::kFloat16:
      return arrow::util::Float16::FromBits(load<uint16_t>(from)).ToFloat();
    case ElementType::kUint8:
      break;
  }
  return static_cast<float>(load<uint8_t>(from));
}

// As Rust's `as u8`: the fraction goes, the range ends at 0 and 255, NaN is 0.
uint8_t to_byte(float value) {
  if (!(value > 0.0F)) {
    return 0;
  }
  return value >= 255.0F ? uint8_t{255} : static_cast<uint8_t>(value);
}

void write(ElementType type, float value, std::byte* to) {
  switch (type) {
    case ElementType::kFloat32:
      std::memcpy(to, &value, sizeof value);
      break;
    case ElementType::kFloat16: {
      const uint16_t half = arrow::util::Float16::FromFloat(value).bits();
      std::memcpy(to, &half, sizeof half);
      break;
    }
    case ElementType::kUint8:
      *to = static_cast<std::byte>(to_byte(value));
      break;
  }
}

void convert(ElementType from, std::span<const std::byte> before, ElementType to,
             std::span<std::byte> after) {
  const size_t from_size = size_of(from);
  const size_t to_size = size_of(to);
  const size_t count = before.size() / from_size;
  for (size_t i = 0; i < count; ++i) {
    write(to, read(from, before.data() + i * from_size), after.data() + i * to_size);
  }
}

class ConvertElements : public Transform {
 public:
  explicit ConvertElements(std::map<std::string, ElementType> elements)
      : elements_(std::move(elements)) {}

  std::string describe() const override {
    std::string text = "converts";
    const char* separator = " ";
    for (const auto& [name, element] : elements_) {
      text += fmt::format("{}{} to {}", separator, vector_label(name), to_string(element));
      separator = ", ";
    }
    return text;
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override {
    for (const auto& [name, element] : elements_) {
      ARROW_ASSIGN_OR_RAISE(const VectorSpec spec, before.vector(name));
      if (spec.kind == VectorKind::kSparse) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = fmt::format("sparse vector '{}' has float32 values only", name)});
      }
    }
    std::vector<VectorSpec> vectors = before.vectors;
    std::vector<std::optional<std::string>> origin;
    for (VectorSpec& spec : vectors) {
      origin.emplace_back(spec.name);
      if (const auto found = elements_.find(spec.name); found != elements_.end()) {
        spec.element = found->second;
      }
    }
    return with_vectors(before, vectors, origin);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    if (!after_.knows(batch->schema())) {
      ARROW_RETURN_NOT_OK(learn(batch->schema()));
    }
    ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
    arrow::ArrayVector columns = batch->columns();
    for (const VectorColumn& column : points.vectors()) {
      const auto found = elements_.find(column.spec().name);
      if (found == elements_.end() || column.spec().element == found->second) {
        continue;
      }
      const auto edit = [&](int64_t /*row*/, std::span<const std::byte> before,
                            std::span<std::byte> after) {
        convert(column.spec().element, before, found->second, after);
        return Status::OK();
      };
      const auto index = static_cast<size_t>(column.column());
      ARROW_ASSIGN_OR_RAISE(columns[index],
                            with_elements(*columns[index], column,
                                          after_.schema()->field(column.column())->type(), edit));
    }
    return arrow::RecordBatch::Make(after_.schema(), batch->num_rows(), std::move(columns));
  }

  std::unique_ptr<Transform> clone() const override {
    return std::make_unique<ConvertElements>(elements_);
  }

 private:
  Status learn(const std::shared_ptr<arrow::Schema>& schema) {
    ARROW_ASSIGN_OR_RAISE(const CollectionConfig before, config_of(*schema));
    ARROW_ASSIGN_OR_RAISE(const CollectionConfig after, config(before));
    ARROW_ASSIGN_OR_RAISE(const auto all, points_schema(after));
    arrow::FieldVector fields = schema->fields();
    for (auto& field : fields) {
      if (auto made = all->GetFieldByName(field->name())) {
        field = field->WithType(made->type());
      }
    }
    return after_.learn(*this, schema, std::move(fields));
  }

  std::map<std::string, ElementType> elements_;
  SchemaAfter after_{};
};

}  // namespace

std::unique_ptr<Transform> convert_elements(std::map<std::string, ElementType> elements) {
  return std::make_unique<ConvertElements>(std::move(elements));
}

}  // namespace vecferry
