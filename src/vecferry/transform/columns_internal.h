#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/transform/transform.h"

namespace vecferry {

class VectorColumn;

/// The batch with another array in one column; the type stays, the rest is shared.
std::shared_ptr<arrow::RecordBatch> with_column(const arrow::RecordBatch& batch, int column,
                                                std::shared_ptr<arrow::Array> array);

/// The schema after a transform, made once for each schema that comes in: reading a configuration
/// takes longer than a batch may. The batches of a lane share one schema, so it remembers one.
class SchemaAfter {
 public:
  bool knows(const std::shared_ptr<arrow::Schema>& before) const { return before_ == before; }

  /// These fields, and the configuration that the transform makes.
  /// Errors: those of the transform's `config`, and kCorrupt for a schema without a configuration.
  Status learn(const Transform& transform, const std::shared_ptr<arrow::Schema>& before,
               arrow::FieldVector fields);

  const std::shared_ptr<arrow::Schema>& schema() const { return after_; }

 private:
  std::shared_ptr<arrow::Schema> before_{};
  std::shared_ptr<arrow::Schema> after_{};
};

/// Writes the elements of one row's inner vectors to `after`, which is as long as they need.
using ElementEdit = std::function<Status(int64_t row, std::span<const std::byte> before,
                                         std::span<std::byte> after)>;

/// A dense or multivector column with new elements, of `type`; which rows there are stays as it is.
Result<std::shared_ptr<arrow::Array>> with_elements(const arrow::Array& array,
                                                    const VectorColumn& column,
                                                    const std::shared_ptr<arrow::DataType>& type,
                                                    const ElementEdit& edit);

/// A vector column of a schema.
struct VectorField {
  int column = 0;
  std::string name{};
};

/// The vector columns of a points schema, in its order.
std::vector<VectorField> vector_fields(const arrow::Schema& schema);

}  // namespace vecferry
