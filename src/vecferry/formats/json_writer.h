#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/formats/json_form.h"
#include "vecferry/model/config.h"

namespace arrow::io {
class OutputStream;
}

namespace vecferry {

struct JsonWriteOptions {
  JsonForm form = JsonForm::kPlain;
  std::string collection_name{};
  std::string exported_at{};  ///< ISO 8601, as Python prints it; empty: now, UTC
  /// The number of points when it is known before; JSON Lines declares it, and `finish` holds the
  /// file to it.
  std::optional<uint64_t> points_count{};
  /// The caller can write a few bytes near the start once the number of points is known. Else the
  /// plain form has `document_count` behind the documents.
  bool patchable = false;
};

/// Text of the same length to write over what is at an offset.
struct TextPatch {
  int64_t offset = 0;
  std::string text{};
};

/// Writes points as the plain form or as JSON Lines.
/// Source: docs/file-formats.md.
/// Thread: one caller at a time.
class JsonWriter {
 public:
  /// The stream stays the caller's to close.
  static Result<std::unique_ptr<JsonWriter>> open(std::shared_ptr<arrow::io::OutputStream> stream,
                                                  const CollectionConfig& config,
                                                  const JsonWriteOptions& options);
  ~JsonWriter();

  /// Errors: kIncompatible: a vector holds NaN or infinity (names point and vector), or is not in
  /// the configuration; nothing of the batch is written then.
  Status write(const arrow::RecordBatch& batch);

  /// Write the end. Returns what is to be patched, if anything.
  /// Errors: kConflict when another number of points was declared and cannot be corrected.
  Result<std::optional<TextPatch>> finish();

 private:
  class Impl;
  explicit JsonWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry
