#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vecferry/archive/repository.h"
#include "vecferry/base/sha256.h"

/// The server's own files beside a backup, shard by shard, as one tar.
/// Source: docs/archive-format.md, "The server's own files".
namespace vecferry {

/// Thread: one caller at a time.
class NativeWriter {
 public:
  /// `repository` outlives it. Nothing is there before `close`, or when it goes before.
  static Result<std::unique_ptr<NativeWriter>> begin(const Repository& repository,
                                                     const std::string& collection,
                                                     const std::string& id);

  /// The next shard, of higher number; as many bytes as said are to follow.
  /// Errors: kCorrupt when the shard before had fewer.
  Status begin_shard(uint32_t id, std::optional<std::string> key, uint64_t bytes);
  /// Errors: kCorrupt for more bytes than were said.
  Status write(std::string_view piece);
  /// `version`: of the server. Errors: as begin_shard.
  Result<NativeRef> close(std::string version);

 private:
  NativeWriter(const Repository& repository, std::string path,
               std::unique_ptr<StoredFileWriter> file);
  Status end_shard();
  Status put(std::string_view bytes);
  Status put_piece(std::string_view plain);

  const Repository& repository_;
  std::string path_;
  std::unique_ptr<StoredFileWriter> file_;
  std::string held_{};  // of an encrypted file: the piece that is not full yet
  uint64_t pieces_ = 0;
  Sha256 hash_{};
  NativeRef ref_{};
  std::unique_ptr<Sha256> shard_hash_{};  // null between shards
  uint64_t shard_left_ = 0;
};

/// One shard's file, as its server gave it, piece by piece.
/// Errors: kNotFound for a shard that the backup has not; kCorrupt, in the end at the latest, when
/// it is damaged; what the sink returned.
Status read_native_shard(const Repository& repository, const Manifest& manifest, uint32_t shard,
                         const std::function<Status(std::string_view)>& sink, StopToken stop);

}  // namespace vecferry
