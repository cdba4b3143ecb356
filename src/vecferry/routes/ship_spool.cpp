#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/log.h"
#include "vecferry/base/sha256.h"
#include "vecferry/routes/ship_spool_internal.h"

namespace vecferry::ship {
namespace {

namespace fs = std::filesystem;

// The engine allocates its files in parts of 32 MiB.
constexpr uint64_t kReserve = uint64_t{96} << 20;
constexpr uint64_t kBlockBytes = 512;  // what st_blocks counts
constexpr size_t kPieceBytes = size_t{1} << 20;

std::string advice(const fs::path& folder) {
  return fmt::format("free some space in '{}', or name another folder with --spool DIR",
                     folder.string());
}

}  // namespace

Status check_room(const fs::path& folder, uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) {
    return system_failure(error.value(), "cannot ask for free space", folder.string());
  }
  const uint64_t needed = kReserve + bytes;
  if (space.available >= needed) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIo,
               .what = fmt::format("not enough space to build shards in '{}': {} MiB free, {} MiB "
                                   "needed",
                                   folder.string(), space.available >> 20U, needed >> 20U),
               .where = folder.string(),
               .next = advice(folder)});
}

Result<uint64_t> bytes_on_disk(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator next(folder, error);
  for (; !error && next != fs::recursive_directory_iterator(); next.increment(error)) {
    struct stat info {};
    if (::lstat(next->path().c_str(), &info) == 0) {
      bytes += static_cast<uint64_t>(info.st_blocks) * kBlockBytes;
    }
  }
  if (error) {
    return system_failure(error.value(), fmt::format("cannot read folder '{}'", folder.string()),
                          folder.string());
  }
  return bytes;
}

Status at_spool(const fs::path& folder, const Status& status) {
  if (status.ok()) {
    return status;
  }
  Failure failure = failure_of(widen(status, fmt::format("spool '{}'", folder.string())));
  if (failure.kind == ErrorKind::kIo) {
    failure.next = advice(folder);
  }
  return fail(std::move(failure));
}

void remove_spool(const fs::path& folder) {
  std::error_code error;
  // A cancelled optimise may still be at work there; under its old name it finds nothing.
  const fs::path hidden = folder.parent_path() / ("." + folder.filename().string() + ".gone");
  fs::remove_all(hidden, error);
  fs::rename(folder, hidden, error);
  if (error == std::errc::no_such_file_or_directory) {
    return;
  }
  fs::remove_all(error ? folder : hidden, error);
  if (error) {
    log(LogLevel::kWarning, "cannot remove a spool that is no longer used",
        {{"folder", folder.string()}, {"error", error.message()}});
  }
}

fs::path spool_of(const fs::path& parent, std::string_view collection) {
  constexpr size_t kDigits = 16;  // a name may be longer than a file's
  Sha256 hash;
  hash.add(collection);
  return parent / ("ship-" + hash.hex().substr(0, kDigits));
}

Result<std::string> sha256_of(const fs::path& file, const StopToken& stop) {
  std::ifstream in(file, std::ios::binary);
  std::vector<char> piece(kPieceBytes);
  Sha256 hash;
  while (in) {
    ARROW_RETURN_NOT_OK(poll(stop));
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash.add({piece.data(), static_cast<size_t>(in.gcount())});
  }
  if (!in.eof()) {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("cannot read '{}'", file.string()),
                 .where = file.string()});
  }
  return hash.hex();
}

}  // namespace vecferry::ship
