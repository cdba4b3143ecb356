#include "vecferry/archive/native_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "arrow/buffer.h"
#include "arrow/io/interfaces.h"
#include "vecferry/archive/sealed_file.h"
#include "vecferry/archive/sweep.h"
#include "vecferry/base/kill_point.h"

namespace vecferry {
namespace {

constexpr uint64_t kTarBlock = 512;
constexpr uint64_t kPiece = uint64_t{4} << 20;
constexpr uint64_t kSeal = 8 + 12 + 16;  // what seal() adds to a piece
constexpr uint64_t kLargestOctal = (uint64_t{1} << 33U) - 1;

std::string member_name(uint32_t shard) {
  return fmt::format("shard-{}.snapshot", shard);
}

uint64_t padding_after(uint64_t bytes) {
  return (kTarBlock - bytes % kTarBlock) % kTarBlock;
}

// Sizes of 8 GiB and more do not fit eleven octal digits; tar has them as a number, marked by a
// bit.
std::string size_field(uint64_t bytes) {
  if (bytes <= kLargestOctal) {
    return fmt::format("{:011o}", bytes);
  }
  std::string field(12, '\0');
  field[0] = static_cast<char>(0x80);
  for (size_t i = 11; bytes > 0; --i, bytes >>= 8U) {
    field[i] = static_cast<char>(bytes & 0xFFU);
  }
  return field;
}

// As POSIX has it (ustar).
std::string tar_header(const std::string& name, uint64_t bytes) {
  std::string header(kTarBlock, '\0');
  const auto put = [&header](size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, size_field(bytes));
  put(136, "00000000000");
  put(148, "        ");  // the checksum counts itself as spaces
  put(156, "0");
  put(257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char byte : header) {
    sum += static_cast<unsigned char>(byte);
  }
  put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header;
}

// What binds a sealed piece to its place.
std::string piece_path(const std::string& path, uint64_t number) {
  return fmt::format("{}#{}", path, number);
}

Status wrong_length(const std::string& path, uint32_t shard) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("the file of shard {} has another length than was said", shard),
               .where = path,
               .next = "run the backup again"});
}

// The tar as it was before it was encrypted, a piece at a time.
class Pieces {
 public:
  Pieces(const Repository& repository, std::string path,
         std::shared_ptr<arrow::io::RandomAccessFile> file)
      : key_(repository.sealing_key()), path_(std::move(path)), file_(std::move(file)) {}

  Result<std::string> read(uint64_t number) const {
    const uint64_t stored = kPiece + (key_ != nullptr ? kSeal : 0);
    ARROW_ASSIGN_OR_RAISE(const auto bytes, file_->ReadAt(static_cast<int64_t>(number * stored),
                                                          static_cast<int64_t>(stored)));
    return key_ != nullptr ? unseal(std::string_view(*bytes), key_, piece_path(path_, number))
                           : Result<std::string>(bytes->ToString());
  }

 private:
  const ArchiveKey* key_;
  std::string path_;
  std::shared_ptr<arrow::io::RandomAccessFile> file_;
};

}  // namespace

NativeWriter::NativeWriter(const Repository& repository, std::string path,
                           std::unique_ptr<StoredFileWriter> file)
    : repository_(repository), path_(std::move(path)), file_(std::move(file)) {}

Result<std::unique_ptr<NativeWriter>> NativeWriter::begin(const Repository& repository,
                                                          const std::string& collection,
                                                          const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(auto path, native_path(collection, id));
  ARROW_ASSIGN_OR_RAISE(auto file, repository.store().begin(path));
  return std::unique_ptr<NativeWriter>(
      new NativeWriter(repository, std::move(path), std::move(file)));
}

Status NativeWriter::begin_shard(uint32_t id, std::optional<std::string> key, uint64_t bytes) {
  ARROW_RETURN_NOT_OK(end_shard());
  ARROW_RETURN_NOT_OK(put(tar_header(member_name(id), bytes)));
  ref_.shards.push_back({.id = id, .key = std::move(key), .bytes = bytes});
  shard_hash_ = std::make_unique<Sha256>();
  shard_left_ = bytes;
  return Status::OK();
}

Status NativeWriter::write(std::string_view piece) {
  if (shard_hash_ == nullptr || piece.size() > shard_left_) {
    return wrong_length(path_, ref_.shards.empty() ? 0 : ref_.shards.back().id);
  }
  shard_left_ -= piece.size();
  shard_hash_->add(piece);
  return put(piece);
}

Status NativeWriter::end_shard() {
  if (shard_hash_ == nullptr) {
    return Status::OK();
  }
  NativeShard& shard = ref_.shards.back();
  if (shard_left_ > 0) {
    return wrong_length(path_, shard.id);
  }
  shard.sha256 = shard_hash_->hex();
  shard_hash_.reset();
  return put(std::string(padding_after(shard.bytes), '\0'));
}

Result<NativeRef> NativeWriter::close(std::string version) {
  ARROW_RETURN_NOT_OK(end_shard());
  ARROW_RETURN_NOT_OK(put(std::string(2 * kTarBlock, '\0')));
  if (!held_.empty()) {
    ARROW_RETURN_NOT_OK(put_piece(std::exchange(held_, {})));
  }
  VECFERRY_KILL_POINT("archive.native");
  ARROW_RETURN_NOT_OK(file_->close());
  ref_.sha256 = hash_.hex();
  ref_.version = std::move(version);
  return std::move(ref_);
}

Status NativeWriter::put(std::string_view bytes) {
  if (repository_.sealing_key() == nullptr) {
    return put_piece(bytes);
  }
  while (!bytes.empty()) {
    const size_t some = std::min<size_t>(bytes.size(), kPiece - held_.size());
    held_.append(bytes.substr(0, some));
    bytes.remove_prefix(some);
    if (held_.size() == kPiece) {
      ARROW_RETURN_NOT_OK(put_piece(std::exchange(held_, {})));
    }
  }
  return Status::OK();
}

Status NativeWriter::put_piece(std::string_view plain) {
  std::string sealed;
  if (const ArchiveKey* key = repository_.sealing_key(); key != nullptr) {
    ARROW_ASSIGN_OR_RAISE(sealed, seal(plain, key, piece_path(path_, pieces_++)));
    plain = sealed;
  }
  hash_.add(plain);
  ref_.bytes += plain.size();
  return file_->write(plain);
}

Status read_native_shard(const Repository& repository, const Manifest& manifest, uint32_t shard,
                         const std::function<Status(std::string_view)>& sink, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto path, native_path(manifest.collection, manifest.id));
  uint64_t at = 0;
  const NativeShard* found = nullptr;
  const NativeRef native = manifest.native.value_or(NativeRef());
  for (const auto& each : native.shards) {
    at += kTarBlock;
    if (each.id == shard) {
      found = &each;
      break;
    }
    at += each.bytes + padding_after(each.bytes);
  }
  if (found == nullptr) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no file of shard {} beside this backup", shard),
                 .where = path});
  }
  ARROW_ASSIGN_OR_RAISE(auto file, repository.store().open_file(path));
  const Pieces pieces(repository, path, std::move(file));
  const uint64_t end = at + found->bytes;
  Sha256 hash;
  while (at < end) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(const auto piece, pieces.read(at / kPiece));
    const uint64_t skip = at % kPiece;
    if (piece.size() <= skip) {
      break;  // cut short: the hash tells
    }
    const auto some = std::string_view(piece).substr(skip, end - at);
    hash.add(some);
    at += some.size();
    ARROW_RETURN_NOT_OK(sink(some));
  }
  if (hash.hex() == found->sha256) {
    return Status::OK();
  }
  return fail(
      {.kind = ErrorKind::kCorrupt,
       .what = fmt::format("'{}' is damaged: shard {} is not what its server gave", path, shard),
       .where = repository.label(),
       .next = "`vecferry restore --route stream` takes the segments"});
}

}  // namespace vecferry
