#include "vecferry/formats/text_input.h"

#include "arrow/io/compressed.h"
#include "arrow/io/interfaces.h"
#include "arrow/util/compression.h"
#include "arrow/util/io_util.h"

namespace vecferry {
namespace {

Result<std::unique_ptr<arrow::util::Codec>> codec_for(FileCompression compression) {
  if (compression == FileCompression::kGzip) {
    return arrow::util::Codec::Create(arrow::Compression::GZIP);
  }
  constexpr int kZstdLevel = 3;
  return arrow::util::Codec::Create(arrow::Compression::ZSTD, kZstdLevel);
}

}  // namespace

Status read_failure(const Status& status, const std::string& file) {
  return arrow::internal::ErrnoFromStatus(status) != 0
             ? classify(status, ErrorKind::kIo, file)
             : classify(status, ErrorKind::kCorrupt, file,
                        "the file is damaged or cut short; get it again");
}

Result<std::shared_ptr<arrow::io::InputStream>> decompress(
    std::shared_ptr<arrow::io::InputStream> stream, FileCompression compression) {
  if (compression == FileCompression::kNone) {
    return stream;
  }
  ARROW_ASSIGN_OR_RAISE(const auto codec, codec_for(compression));
  ARROW_ASSIGN_OR_RAISE(auto text, arrow::io::CompressedInputStream::Make(codec.get(), stream));
  return text;
}

Result<std::shared_ptr<arrow::io::OutputStream>> compress(
    std::shared_ptr<arrow::io::OutputStream> stream, FileCompression compression) {
  if (compression == FileCompression::kNone) {
    return stream;
  }
  ARROW_ASSIGN_OR_RAISE(const auto codec, codec_for(compression));
  ARROW_ASSIGN_OR_RAISE(auto text, arrow::io::CompressedOutputStream::Make(codec.get(), stream));
  return text;
}

}  // namespace vecferry
