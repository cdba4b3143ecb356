#pragma once

#include <functional>
#include <memory>
#include <string>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/formats/file_format.h"

namespace arrow::io {
class InputStream;
class OutputStream;
}  // namespace arrow::io

namespace vecferry {

/// Text to read, any number of times from its beginning.
struct TextInput {
  std::string name{};  ///< for messages: the path
  std::function<Result<std::shared_ptr<arrow::io::InputStream>>()> open{};  ///< decompressed
};

/// The error of a reader below: kIo when the system refused a read, else the bytes are wrong and it
/// is kCorrupt; one of our own stays as it is. OK stays OK.
Status read_failure(const Status& status, const std::string& file);

/// A stream of what the compressed stream holds; the same stream for kNone.
Result<std::shared_ptr<arrow::io::InputStream>> decompress(
    std::shared_ptr<arrow::io::InputStream> stream, FileCompression compression);

/// A stream that compresses into another one; the same stream for kNone. Closing it closes both.
Result<std::shared_ptr<arrow::io::OutputStream>> compress(
    std::shared_ptr<arrow::io::OutputStream> stream, FileCompression compression);

}  // namespace vecferry
