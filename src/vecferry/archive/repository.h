#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/archive/backup_id.h"
#include "vecferry/archive/key.h"
#include "vecferry/archive/manifest.h"
#include "vecferry/archive/store.h"

namespace vecferry {

enum class RepositoryMode {
  kOpen,
  kCreate,  ///< makes a new one where nothing is
  kSalvage  ///< as kOpen, but a damaged head is passed over: see Repository::head
};

/// An archive: backups of collections in a folder or bucket.
/// Source: docs/archive-format.md.
/// Thread: safe for concurrent use.
class Repository {
 public:
  /// `key`: null for an archive that is not encrypted. A new one that is made with a key is.
  /// Errors: kNotFound for no archive; kRefused for a missing or wrong key; kCorrupt.
  static Result<std::shared_ptr<Repository>> open(const std::string& address, RepositoryMode mode,
                                                  std::shared_ptr<const ArchiveKey> key,
                                                  StopToken stop);

  const std::string& id() const { return id_; }
  const std::string& label() const { return label_; }  ///< "archive:DIR"
  /// Why `vecferry-archive.json` could not be read (kSalvage); an archive that is encrypted cannot
  /// be read without it.
  const Status& head() const { return head_; }
  bool encrypted() const { return sealing_key_ != nullptr; }
  ArchiveStore& store() const { return *store_; }

  /// Names of collections with at least one backup, sorted.
  Result<std::vector<std::string>> collections(StopToken stop) const;
  /// Ids of a collection's backups, oldest first; none for a collection that is not there.
  Result<std::vector<std::string>> backups(const std::string& collection, StopToken stop) const;
  /// Errors: kNotFound; kCorrupt with the file.
  Result<Manifest> manifest(const std::string& collection, const std::string& id) const;
  /// The backup that a person means (`pick_backup`).
  Result<Manifest> find(const std::string& collection, std::string_view when, StopToken stop) const;

  /// From here on the backup is there. Errors: kExists.
  Status add(const Manifest& manifest);
  /// The same backup with other segments, at once. Errors: those of writing.
  Status replace(const Manifest& manifest);
  /// The manifest alone; its segments stay. One that is not there is no error.
  Status remove(const std::string& collection, const std::string& id);

  Result<std::optional<ArchivedMark>> mark(const std::string& collection) const;
  Status set_mark(const ArchivedMark& mark);
  Status clear_mark(const std::string& collection);

  /// Write a segment under the name of its hash, which is noted in `*ref`, as its size is.
  Status put_segment(const std::shared_ptr<arrow::Buffer>& bytes, SegmentRef* ref);
  /// Its bytes, whose hash is right. Errors: kCorrupt, kNotFound with the file.
  Result<std::shared_ptr<arrow::Buffer>> get_segment(const SegmentRef& ref) const;
  /// Whether the server's snapshot beside a backup is whole. Errors: kCorrupt, kNotFound.
  Status check_native(const Manifest& manifest) const;
  /// The key of segments' Parquet encryption; null: not encrypted.
  const std::shared_ptr<const arrow::util::SecureString>& segment_key() const {
    return segment_key_;
  }

  /// What small files, and the pieces of native ones, are sealed with; null: not encrypted.
  const ArchiveKey* sealing_key() const { return sealing_key_.get(); }

  /// Small JSON files, sealed and unsealed.
  Status put_sealed(const std::string& path, const std::string& json);
  Result<std::string> get_sealed(const std::string& path) const;

 private:
  Repository() = default;
  Status create(const std::shared_ptr<const ArchiveKey>& key);
  Status read_head(const std::string& bytes, const std::shared_ptr<const ArchiveKey>& key);
  Status derive(const ArchiveKey& key);

  std::string id_{};
  std::string label_{};
  Status head_{};
  std::shared_ptr<ArchiveStore> store_{};
  std::shared_ptr<const ArchiveKey> sealing_key_{};
  std::shared_ptr<const arrow::util::SecureString> segment_key_{};
};

/// "collections/NAME/ID.json"; the name encoded.
Result<std::string> manifest_path(const std::string& collection, const std::string& id);

}  // namespace vecferry
