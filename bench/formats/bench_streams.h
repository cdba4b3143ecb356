#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "vecferry/ops/seeded_points.h"

namespace vecferry::bench {

/// 20,000 points of 384 dims with payloads of five fields: 32 MB of vectors.
inline const std::vector<std::shared_ptr<arrow::RecordBatch>>& seeded_batches() {
  static const auto batches = [] {
    const auto config = seeded_config(384);
    std::vector<std::shared_ptr<arrow::RecordBatch>> made;
    for (uint64_t first = 1; first <= 20'000; first += 2'500) {
      made.push_back(seeded_batch(config, first, 2'500).ValueOrDie());
    }
    return made;
  }();
  return batches;
}

inline void must(const arrow::Status& status) {
  if (!status.ok()) {
    status.Abort();
  }
}

/// Takes what is written and forgets it: what is measured is our work, not the disk's.
class NullStream : public arrow::io::OutputStream {
 public:
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* /*data*/, int64_t bytes) override {
    written_ += bytes;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return written_; }
  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }

 private:
  int64_t written_ = 0;
};

}  // namespace vecferry::bench
