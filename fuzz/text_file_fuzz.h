#pragma once

#include <memory>
#include <string>

#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/record_batch.h"
#include "fuzz/check.h"
#include "vecferry/formats/json_reader.h"
#include "vecferry/formats/json_writer.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::fuzz {

inline TextInput input_of(const std::string& text) {
  return {.name = "fuzz", .open = [text]() -> Result<std::shared_ptr<arrow::io::InputStream>> {
            return std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(text));
          }};
}

/// Read a text file to its end and write what was read in the same form.
inline Result<std::string> rewritten(const std::string& text, JsonForm form, FileHead* head) {
  const JsonReadOptions options{.form = form, .batch_bytes = 1 << 12};
  const auto input = input_of(text);
  ARROW_ASSIGN_OR_RAISE(*head, read_json_head(input, options, StopToken::Unstoppable()));
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        open_json_reader(input, *head, options, StopToken::Unstoppable()));
  ARROW_ASSIGN_OR_RAISE(auto stream, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(
      auto writer,
      JsonWriter::open(stream, head->config, {.form = form, .exported_at = "2026-01-01T00:00:00"}));
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      break;
    }
    VECFERRY_CHECK(validate_points(*batch).ok());
    VECFERRY_CHECK(writer->write(*batch).ok());
  }
  VECFERRY_CHECK(writer->finish().ok());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, stream->Finish());
  return buffer->ToString();
}

/// Whatever the text: no crash, errors have a kind and words; what reads, reads back the same.
inline void check_text_file(const std::string& text, JsonForm form) {
  FileHead head;
  const auto once = rewritten(text, form, &head);
  if (!once.ok()) {
    const auto failure = failure_of(once.status());
    VECFERRY_CHECK(failure.kind == ErrorKind::kCorrupt || failure.kind == ErrorKind::kIncompatible);
    VECFERRY_CHECK(!failure.what.empty());
    return;
  }
  FileHead again;
  const auto twice = rewritten(*once, form, &again);
  VECFERRY_CHECK(twice.ok());
  VECFERRY_CHECK(*twice == *once);
  VECFERRY_CHECK(again.config == head.config);
}

}  // namespace vecferry::fuzz
