#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/io/interfaces.h"
#include "arrow/io/memory.h"
#include "arrow/record_batch.h"
#include "tests/support/points.h"
#include "vecferry/formats/json_reader.h"
#include "vecferry/formats/text_input.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::testing {

/// A stream that gives a few bytes a call, as a pipe does.
class DrippingStream : public arrow::io::InputStream {
 public:
  DrippingStream(std::string text, int64_t step) : text_(std::move(text)), step_(step) {}
  Status Close() override { return Status::OK(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return static_cast<int64_t>(at_); }
  Result<int64_t> Read(int64_t bytes, void* out) override {
    const auto count =
        static_cast<size_t>(std::min({bytes, step_, static_cast<int64_t>(text_.size() - at_)}));
    std::memcpy(out, text_.data() + at_, count);
    at_ += count;
    return static_cast<int64_t>(count);
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t) override {
    return Status::NotImplemented("not used");
  }

 private:
  std::string text_;
  int64_t step_;
  size_t at_ = 0;
};

inline TextInput input_of(std::string text, int64_t step = 0) {
  return {.name = "test.json",
          .open = [text, step]() -> Result<std::shared_ptr<arrow::io::InputStream>> {
            if (step > 0) {
              return std::make_shared<DrippingStream>(text, step);
            }
            return std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(text));
          }};
}

struct FileContent {
  FileHead head{};
  std::vector<TestPoint> points{};
};

/// Everything that a text file holds.
inline Result<FileContent> read_text(const TextInput& input, const JsonReadOptions& options = {}) {
  FileContent content;
  ARROW_ASSIGN_OR_RAISE(content.head, read_json_head(input, options, StopToken::Unstoppable()));
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        open_json_reader(input, content.head, options, StopToken::Unstoppable()));
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return content;
    }
    ARROW_RETURN_NOT_OK(validate_points(*batch));
    for (auto& point : to_points(*batch)) {
      content.points.push_back(std::move(point));
    }
  }
}

}  // namespace vecferry::testing
