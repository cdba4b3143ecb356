#include "vecferry/transform/rename_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/transform/columns_internal.h"

namespace vecferry {
namespace {

class RenameVectors : public Transform {
 public:
  explicit RenameVectors(std::map<std::string, std::string> new_names)
      : new_names_(std::move(new_names)) {}

  std::string describe() const override {
    std::string text = "renames";
    const char* separator = " ";
    for (const auto& [old_name, new_name] : new_names_) {
      text += fmt::format("{}{} to '{}'", separator, vector_label(old_name), new_name);
      separator = ", ";
    }
    return text;
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override {
    for (const auto& [old_name, new_name] : new_names_) {
      ARROW_RETURN_NOT_OK(before.vector(old_name).status());
    }
    std::vector<VectorSpec> vectors;
    std::vector<std::optional<std::string>> origin;
    for (const VectorSpec& spec : before.vectors) {
      VectorSpec renamed = spec;
      renamed.name = new_name_of(spec.name);
      for (size_t i = 0; i < vectors.size(); ++i) {
        if (vectors[i].name == renamed.name) {
          return fail({.kind = ErrorKind::kUsage,
                       .what = fmt::format("{} and {} would both be '{}'",
                                           vector_label(origin[i].value_or("")),
                                           vector_label(spec.name), renamed.name),
                       .next = "give each another name with --rename-vector OLD=NEW"});
        }
      }
      vectors.push_back(std::move(renamed));
      origin.emplace_back(spec.name);
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
    return std::make_unique<RenameVectors>(new_names_);
  }

 private:
  const std::string& new_name_of(const std::string& name) const {
    const auto found = new_names_.find(name);
    return found == new_names_.end() ? name : found->second;
  }

  // Vector columns stay where vector columns are, in the order of their new names.
  Status learn(const std::shared_ptr<arrow::Schema>& schema) {
    std::vector<VectorField> vectors = vector_fields(*schema);
    std::vector<int> places;
    for (VectorField& vector : vectors) {
      places.push_back(vector.column);
      vector.name = new_name_of(vector.name);
    }
    std::sort(vectors.begin(), vectors.end(),
              [](const VectorField& a, const VectorField& b) { return a.name < b.name; });
    arrow::FieldVector fields = schema->fields();
    columns_.resize(fields.size());
    for (size_t i = 0; i < columns_.size(); ++i) {
      columns_[i] = static_cast<int>(i);
    }
    for (size_t i = 0; i < vectors.size(); ++i) {
      const auto place = static_cast<size_t>(places[i]);
      columns_[place] = vectors[i].column;
      fields[place] =
          schema->field(vectors[i].column)->WithName(vector_column_name(vectors[i].name));
    }
    return after_.learn(*this, schema, std::move(fields));
  }

  std::map<std::string, std::string> new_names_;
  SchemaAfter after_{};
  std::vector<int> columns_{};
};

}  // namespace

Result<std::unique_ptr<Transform>> rename_vectors(std::map<std::string, std::string> new_names) {
  for (const auto& [old_name, new_name] : new_names) {
    ARROW_RETURN_NOT_OK(check_vector_name(new_name));
  }
  return std::make_unique<RenameVectors>(std::move(new_names));
}

Status add_rename(std::string_view old_and_new, std::map<std::string, std::string>* new_names) {
  const size_t equals = old_and_new.find('=');
  if (equals == std::string_view::npos) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' does not say OLD=NEW", old_and_new),
                 .next = "for example --rename-vector text=content; the unnamed vector is empty: "
                         "--rename-vector =content"});
  }
  const std::string old_name(old_and_new.substr(0, equals));
  if (!new_names->emplace(old_name, old_and_new.substr(equals + 1)).second) {
    return fail({.kind = ErrorKind::kUsage, .what = vector_label(old_name) + " is renamed twice"});
  }
  return Status::OK();
}

}  // namespace vecferry
