#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

namespace vecferry {

/// A pure change to a configuration and to batches of points: the same batch always becomes the
/// same batch, and applied to its own result it changes nothing (but for round_floats.h). What a
/// target would do to points by itself is a transform first, so that comparisons need no tolerance.
/// Thread: one caller at a time; every lane has a clone.
class Transform {
 public:
  virtual ~Transform() = default;

  /// For the plan: "keeps payload keys a, b".
  virtual std::string describe() const = 0;

  /// The configuration afterwards.
  /// Errors: kUsage, kNotFound, kIncompatible: the transform does not fit these points.
  virtual Result<CollectionConfig> config(const CollectionConfig& before) const = 0;

  /// The same rows in the same order, with the configuration afterwards in the schema's metadata.
  /// Columns that it leaves alone are shared with the batch before.
  /// Errors: kIncompatible naming the point; kCorrupt for a payload that is not canonical JSON.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) = 0;

  /// A fresh one with the same options and no counts.
  virtual std::unique_ptr<Transform> clone() const = 0;

  /// What it has changed so far, in points, by the name that receipts use: {"floats_rounded": 12}.
  virtual std::map<std::string, uint64_t> counts() const { return {}; }
};

}  // namespace vecferry
