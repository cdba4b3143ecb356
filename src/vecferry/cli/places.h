#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vecferry/archive/repository.h"
#include "vecferry/backend/backend.h"
#include "vecferry/backend/location.h"
#include "vecferry/cli/environment.h"
#include "vecferry/model/config.h"
#include "vecferry/ops/copy.h"

namespace vecferry {

/// How places are opened, from options of the command line.
struct PlaceOptions {
  bool build_index = false;  ///< a local target builds its vector index when it is finished
  std::function<void(uint64_t done, uint64_t total)> index_progress{};
  Distance distance = Distance::kCosine;   ///< for files that do not say theirs
  std::string original_id_key{};           ///< for string ids; empty: the format's default
  std::string format{};                    ///< of stdin and stdout: "json", "jsonl", "parquet"
  std::string collection_name{};           ///< written into a file; empty: from the file's name
  std::optional<uint64_t> points_count{};  ///< declared in a file that is written
  bool write = false;                      ///< the place is written to
  bool allow_partial = false;              ///< of an archive: leave out what is damaged
  StopToken stop = StopToken::Unstoppable();
};

/// Names of places from vecferry.toml: `place = "local:store"` is the default place, and
/// `[env.NAME] url = "…"` names one. Read from --config, else ./vecferry.toml, else
/// $XDG_CONFIG_HOME/vecferry/vecferry.toml (~/.config); none of them need be there.
class PlaceNames {
 public:
  /// Errors: kUsage with the line for a file that cannot be read.
  static Result<PlaceNames> load(const std::string& config_file, NetworkOptions network = {});

  /// A location with the names in it replaced: "prod/docs" becomes "local:store/docs", a bare
  /// "docs" the default place's.
  std::string resolve(const std::string& text) const;
  /// The same for a place: "prod", or nothing for the default place.
  std::string resolve_place(const std::string& text) const;
  /// The configuration file; empty when there is none.
  const std::string& config_file() const { return config_file_; }
  /// The folder of the journal, as the file says; empty when it does not.
  const std::string& journal() const { return journal_; }
  /// Where backups go, as the file says; empty when it does not.
  const std::string& archive() const { return archive_; }
  /// The key of encrypted archives: --key-file, the configuration's, else VECFERRY_KEY; null when
  /// there is none. Errors: kUsage for one that cannot be read.
  Result<std::shared_ptr<const ArchiveKey>> archive_key() const;
  /// Until servers have built their indexes.
  bool waits_for_index() const { return !network_.no_wait_index; }
  /// The name of the protected environment that this address is in; empty: none.
  std::string protecting(const std::string& address) const;
  /// How to reach the server at `url`; a URL that the file names is reached as it says.
  Result<QdrantOptions> server(const std::string& url) const;

 private:
  Status protect();

  std::string config_file_{};
  std::string default_place_{};
  std::string journal_{};
  std::string archive_{};
  std::vector<Environment> environments_{};
  NetworkOptions network_{};
};

/// A backend that is open, and the collection meant in it.
struct OpenedLocation {
  std::shared_ptr<Backend> backend{};
  std::string collection{};
  std::string place{};                       ///< as people write it
  std::string label{};                       ///< the location, likewise
  std::vector<std::string> reading_notes{};  ///< what a plan that reads from it must say

  Endpoint endpoint() const {
    return {.backend = backend.get(), .collection = collection, .label = label};
  }
};

Result<std::shared_ptr<Backend>> open_place(const PlaceNames& names, const Place& place,
                                            const PlaceOptions& options);
/// Errors: kUsage for words that are no location.
Result<OpenedLocation> open_location(const PlaceNames& names, const std::string& text,
                                     const PlaceOptions& options);

/// An archive as an address: "archive:DIR" from that, a folder, or the URL of a bucket.
Result<std::string> archive_address(const std::string& text);

/// The archive at an address, with its key.
Result<std::shared_ptr<Repository>> open_repository(const PlaceNames& names,
                                                    const std::string& address, RepositoryMode mode,
                                                    StopToken stop);

/// A location as an address: the same however it was typed and from whatever folder, without the
/// names of vecferry.toml. Errors: kUsage for words that are no location.
Result<std::string> address_of(const PlaceNames& names, const std::string& text);

/// kNotFound for a collection, with the nearest name that the place has.
Status with_nearest_name(const Status& status, Backend& backend, const std::string& collection,
                         const StopToken& stop);

}  // namespace vecferry
