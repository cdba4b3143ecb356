#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "vecferry/backends/files/file_sink_internal.h"
#include "vecferry/base/error.h"
#include "vecferry/formats/file_format.h"
#include "vecferry/formats/json_writer.h"
#include "vecferry/formats/parquet_writer.h"
#include "vecferry/model/config.h"
#include "vecferry/model/point_id.h"

namespace vecferry {
class PointsView;
}

namespace vecferry::files {

struct OutputOptions {
  std::string collection_name{};
  std::optional<uint64_t> points_count{};
  int max_payload_depth = 0;
};

/// A file while it is being written.
/// Thread: safe for concurrent use: writers of several lanes take turns, batch by batch.
class PointsOutput {
 public:
  static Result<std::unique_ptr<PointsOutput>> create(std::shared_ptr<FileSink> sink,
                                                      FileFormat format, CollectionConfig config,
                                                      OutputOptions options);

  const CollectionConfig& config() const { return config_; }

  /// Errors: kIncompatible for points that the form cannot hold, nothing of the batch is kept then;
  /// kIo, and the same again from then on.
  Status write(const arrow::RecordBatch& batch);

  /// Write the end; make sure that no id is there twice; publish.
  Status finish(const StopToken& stop);

  /// Remove what was written; writers that are still open get an error.
  void abandon();

 private:
  PointsOutput(std::shared_ptr<FileSink> sink, FileFormat format, CollectionConfig config,
               OutputOptions options);
  Status open();
  Status check(const PointsView& points) const;
  Status close();
  Status find_duplicates(const StopToken& stop) const;

  std::mutex mutex_{};
  std::shared_ptr<FileSink> sink_;
  FileFormat format_;
  CollectionConfig config_;
  OutputOptions options_;
  std::shared_ptr<arrow::io::OutputStream> stream_{};  // over the sink
  std::unique_ptr<JsonWriter> json_{};
  std::unique_ptr<ParquetWriter> parquet_{};
  Status broken_{};
  bool ascending_ = true;
  std::optional<PointId> last_{};
};

}  // namespace vecferry::files
