#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

namespace vecferry {
class PointsBuilder;
}

namespace vecferry::formats {

class RowChecker;

/// Which column of a foreign table is what.
struct ForeignColumns {
  int id = -1;
  int uuid = -1;
  int shard_key = -1;
  int payload = -1;
  struct Vector {
    int column = 0;
    std::string name{};
  };
  std::vector<Vector> vectors{};
  std::vector<int> others{};  ///< become keys of the payload
};

/// Errors: kCorrupt without an id column, kIncompatible for a column that has no form in a point.
Result<ForeignColumns> foreign_columns(const arrow::Schema& schema, const std::string& file);

/// The vectors that a foreign batch shows: of each column the first row that has one decides. A
/// column without any in this batch has no entry.
Result<std::vector<VectorSpec>> vectors_of(const arrow::RecordBatch& batch,
                                           const ForeignColumns& columns, Distance distance);

struct ForeignRows {
  std::string original_id_key = "original_id";
  bool finite = true;                ///< refuse NaN and infinity
  std::vector<std::string> known{};  ///< vectors of the collection, asked for or not
};

/// Append the rows of a foreign batch to a builder in the points schema.
/// Errors: kCorrupt with row and column.
Status append_foreign(const arrow::RecordBatch& batch, const ForeignColumns& columns,
                      const ForeignRows& rows, int64_t first_row, RowChecker& checker,
                      PointsBuilder& builder);

}  // namespace vecferry::formats
