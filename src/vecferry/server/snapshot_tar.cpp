#include "vecferry/server/snapshot_tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>

#include "vecferry/base/durable_file.h"

namespace vecferry::server {
namespace {

constexpr size_t kBlock = 512;
constexpr std::string_view kShard = "0/";

// Fields of a GNU tar header.
constexpr size_t kNameSize = 100;
constexpr size_t kModeAt = 100;
constexpr size_t kSizeAt = 124;
constexpr size_t kTimeAt = 136;
constexpr size_t kSumAt = 148;
constexpr size_t kTypeAt = 156;
constexpr size_t kMagicAt = 257;
constexpr size_t kMoreAt = 482;       // of a sparse header: extents go on in the next block
constexpr size_t kMoreThereAt = 504;  // the same in such a block

using Block = std::array<char, kBlock>;

class Copy {
 public:
  Copy(const std::filesystem::path& from, const std::filesystem::path& to)
      : in_(from, std::ios::binary), out_(to, std::ios::binary), from_(from), to_(to) {}

  Status run(const std::vector<std::pair<std::string, std::string>>& members) {
    std::string long_name;
    while (true) {
      Block header{};
      ARROW_RETURN_NOT_OK(read(&header));
      if (std::all_of(header.begin(), header.end(), [](char c) { return c == 0; })) {
        break;
      }
      ARROW_ASSIGN_OR_RAISE(const uint64_t size, size_of(header));
      if (header[kTypeAt] == 'L') {
        ARROW_ASSIGN_OR_RAISE(long_name, read_name(size));
        continue;
      }
      const std::string name = long_name.empty() ? name_of(header) : long_name;
      long_name.clear();
      put_header(header, std::string(kShard) + name);
      ARROW_RETURN_NOT_OK(copy_extents(header));
      ARROW_RETURN_NOT_OK(copy_content(size));
    }
    for (const auto& [name, content] : members) {
      put_member(name, content, '0');
    }
    put(std::string(2 * kBlock, '\0'));
    out_.flush();
    if (!out_) {
      return system_failure(errno, fmt::format("cannot write '{}'", to_.string()), to_.string());
    }
    return sync_file(to_);
  }

 private:
  Status damaged() const {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = "a shard snapshot is no tar that this program wrote",
                 .where = from_.string()});
  }

  Status read(Block* block) {
    in_.read(block->data(), kBlock);
    return in_.gcount() == kBlock ? Status::OK() : damaged();
  }

  Result<uint64_t> size_of(const Block& header) const {
    uint64_t size = 0;
    if ((static_cast<unsigned char>(header[kSizeAt]) & 0x80U) != 0) {  // base 256
      for (size_t i = kSizeAt + 4; i < kTimeAt; ++i) {
        size = size << 8U | static_cast<unsigned char>(header[i]);
      }
      return size;
    }
    for (size_t i = kSizeAt; i < kTimeAt && header[i] >= '0' && header[i] <= '7'; ++i) {
      size = size * 8 + static_cast<uint64_t>(header[i] - '0');
    }
    return size;
  }

  static std::string name_of(const Block& header) {
    return {header.data(), ::strnlen(header.data(), kNameSize)};
  }

  Result<std::string> read_name(uint64_t size) {
    constexpr uint64_t kLongest = 64 << 10;
    if (size > kLongest) {
      return damaged();
    }
    std::string name;
    for (uint64_t left = size; left > 0; left -= std::min<uint64_t>(left, kBlock)) {
      Block block{};
      ARROW_RETURN_NOT_OK(read(&block));
      name.append(block.data(), std::min<uint64_t>(left, kBlock));
    }
    return name.substr(0, name.find('\0'));
  }

  void put(std::string_view bytes) {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  void put_header(Block header, std::string_view name) {
    if (name.size() > kNameSize) {
      put_member("././@LongLink", std::string(name) + '\0', 'L');
    }
    std::fill_n(header.begin(), kNameSize, '\0');
    std::copy_n(name.begin(), std::min(name.size(), kNameSize), header.begin());
    std::fill_n(header.begin() + kSumAt, 8, ' ');
    unsigned sum = 0;
    for (const char c : header) {
      sum += static_cast<unsigned char>(c);
    }
    fmt::format_to_n(header.begin() + kSumAt, 8, "{:06o}", sum);
    header[kSumAt + 6] = '\0';
    put({header.data(), kBlock});
  }

  void put_member(std::string_view name, std::string_view content, char type) {
    Block header{};
    std::memcpy(&header[kModeAt], "0000644", 7);
    std::memcpy(&header[kModeAt + 8], "0000000", 7);   // owner
    std::memcpy(&header[kModeAt + 16], "0000000", 7);  // group
    fmt::format_to_n(header.begin() + kSizeAt, 11, "{:011o}", content.size());
    std::memcpy(&header[kTimeAt], "00000000000", 11);
    std::memcpy(&header[kMagicAt], "ustar  ", 8);
    header[kTypeAt] = type;
    put_header(header, name);
    put(content);
    put(std::string((kBlock - content.size() % kBlock) % kBlock, '\0'));
  }

  Status copy_extents(const Block& header) {
    bool more = header[kTypeAt] == 'S' && header[kMoreAt] != 0;
    while (more) {
      Block block{};
      ARROW_RETURN_NOT_OK(read(&block));
      put({block.data(), kBlock});
      more = block[kMoreThereAt] != 0;
    }
    return Status::OK();
  }

  Status copy_content(uint64_t size) {
    std::string buffer(size_t{1} << 20U, '\0');
    for (uint64_t left = (size + kBlock - 1) / kBlock * kBlock; left > 0;) {
      const uint64_t part = std::min<uint64_t>(left, buffer.size());
      in_.read(buffer.data(), static_cast<std::streamsize>(part));
      if (static_cast<uint64_t>(in_.gcount()) != part) {
        return damaged();
      }
      put({buffer.data(), part});
      left -= part;
    }
    return Status::OK();
  }

  std::ifstream in_;
  std::ofstream out_;
  std::filesystem::path from_;
  std::filesystem::path to_;
};

}  // namespace

Status write_collection_snapshot(const std::filesystem::path& shard_snapshot,
                                 const std::vector<std::pair<std::string, std::string>>& members,
                                 const std::filesystem::path& file) {
  return Copy(shard_snapshot, file).run(members);
}

}  // namespace vecferry::server
