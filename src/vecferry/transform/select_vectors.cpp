#include "vecferry/transform/select_vectors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/transform/columns_internal.h"

namespace vecferry {
namespace {

class SelectVectors : public Transform {
 public:
  explicit SelectVectors(std::vector<std::string> names) : names_(std::move(names)) {}

  std::string describe() const override {
    std::vector<std::string> labels(names_.size());
    std::transform(names_.begin(), names_.end(), labels.begin(), vector_label);
    return names_.empty() ? "drops all vectors"
                          : fmt::format("keeps only {}", fmt::join(labels, ", "));
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override {
    std::vector<VectorSpec> vectors;
    std::vector<std::optional<std::string>> origin;
    for (const std::string& name : names_) {
      ARROW_RETURN_NOT_OK(before.vector(name).status());
    }
    for (const VectorSpec& spec : before.vectors) {
      if (selected(spec.name)) {
        vectors.push_back(spec);
        origin.emplace_back(spec.name);
      }
    }
    return with_vectors(before, vectors, origin);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    if (!after_.knows(batch->schema())) {
      ARROW_RETURN_NOT_OK(learn(batch->schema()));
    }
    arrow::ArrayVector columns;
    for (const int column : columns_) {
      columns.push_back(batch->column(column));
    }
    return arrow::RecordBatch::Make(after_.schema(), batch->num_rows(), std::move(columns));
  }

  std::unique_ptr<Transform> clone() const override {
    return std::make_unique<SelectVectors>(names_);
  }

 private:
  bool selected(const std::string& name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }

  Status learn(const std::shared_ptr<arrow::Schema>& schema) {
    columns_.clear();
    const auto vectors = vector_fields(*schema);
    arrow::FieldVector fields;
    for (int i = 0; i < schema->num_fields(); ++i) {
      const auto vector = std::find_if(vectors.begin(), vectors.end(),
                                       [i](const VectorField& each) { return each.column == i; });
      if (vector == vectors.end() || selected(vector->name)) {
        columns_.push_back(i);
        fields.push_back(schema->field(i));
      }
    }
    return after_.learn(*this, schema, std::move(fields));
  }

  std::vector<std::string> names_;
  SchemaAfter after_{};
  std::vector<int> columns_{};
};

}  // namespace

std::unique_ptr<Transform> select_vectors(std::vector<std::string> names) {
  return std::make_unique<SelectVectors>(std::move(names));
}

}  // namespace vecferry
