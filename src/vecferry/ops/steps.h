#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vecferry/backend/backend.h"
#include "vecferry/digest/digest.h"
#include "vecferry/ops/place_opener.h"
#include "vecferry/ops/selection.h"
#include "vecferry/routes/route.h"

/// The steps that operations are made of, as plain data: all that another process needs to carry
/// one out, or to undo it after nothing, half or all of it. The journal holds them as JSON.
namespace vecferry {

/// An even share of points, by a hash of their ids.
struct HashPart {
  int parts = 1;
  int index = 0;

  friend bool operator==(const HashPart&, const HashPart&) = default;
};

/// How a collection that is made gets its points.
struct Travel {
  Route route = Route::kStream;
  bool insisted = false;  ///< the person named it: no other one is tried
  std::string spool{};    ///< folder for files on their way; empty: the system's temporary one
  int index_threads = 0;
  bool index = true;  ///< a shipped collection is indexed here
};

/// Points to be read: a collection or file, and what of it. Files of ids lie in the operation's
/// folder and hold one id a line, in id order (ops/id_file.h).
struct LoadSource {
  std::string address{};
  std::string label{};
  ReadingOptions reading{};
  Selection selection{};
  std::optional<HashPart> part{};
  std::string only{};         ///< file of ids: no others
  std::string leave_out{};    ///< file of ids: not these
  std::string remap{};        ///< file of ids that become UUIDs of this source and id
  std::string merged_from{};  ///< what every payload says it came from; empty: nothing
};

/// Points of a collection into a file beside the journal, read back and compared.
struct BackupStep {
  LoadSource source{};
  std::string file{};  ///< its name in the operation's folder
};

/// A collection into an archive: what changed against its backup before, or all of it; read back
/// and compared. Undone: the backup is gone.
struct ArchiveStep {
  LoadSource source{};
  std::string archive{};  ///< "archive:DIR"
  std::string name{};     ///< of the collection in it
  bool strict = false;   ///< refuse, rather than take a free name, when another source has this one
  bool whole = false;    ///< do not go on from the backup before
  bool dropped = false;  ///< the source is dropped next: all of the backup is read back
  bool native = false;   ///< also keep the server's own files, which the points are read from
  int passes = 3;        ///< over a live source, at most
  int64_t memory_bytes = int64_t{256} << 20;
};

/// The mark in an archive that a collection lives there alone, set or cleared. Undone: as before.
struct MarkStep {
  std::string archive{};
  std::string name{};
  std::string source{};       ///< where the live collection was
  std::optional<int> backup;  ///< the ArchiveStep, by number; none: the mark is cleared
  std::string before{};       ///< JSON of the mark as it was; empty: none
};

/// A new collection with the points of others. Undone: the collection is gone.
struct LoadStep {
  std::vector<LoadSource> sources{};
  std::string target{};
  std::string target_label{};
  CollectionConfig config{};
  bool build_index = false;
  bool whole = false;  ///< one source in the same place, all of it: duplicated as it is
  int follow_up = 0;   ///< at most so many passes over what a live source changed meanwhile
  Travel travel{};
  int64_t memory_bytes = int64_t{256} << 20;
};

/// Aliases, in one request where the place can. Undone: those that still lead where this step
/// pointed them lead where they did before.
struct AliasStep {
  std::string place{};  ///< a location in it
  std::vector<AliasChange> changes{};
  std::vector<AliasChange> before{};  ///< the same aliases as they were
};

/// A collection goes. Undone: it is restored from the backup, or its files are moved back, with its
/// aliases.
struct DropStep {
  std::string target{};
  std::string target_label{};
  std::optional<int> backup{};  ///< step that backed it up; none: no way back, or `aside`
  bool aside = false;           ///< not dropped: its files are kept in the operation's folder
  std::optional<int> unchanged_since{};  ///< step whose digest it must still have
  std::vector<std::string> aliases{};    ///< that go with it
};

/// Points of a collection that exists are upserted and removed. Undone: as the backup has them;
/// points that were added are removed.
struct ChangeStep {
  std::optional<LoadSource> source{};  ///< of the upserts; none: nothing is upserted
  std::string target{};
  std::string target_label{};
  std::string added{};            ///< file of ids that are upserted and were not there before
  std::string removed{};          ///< file of ids
  bool removes_all = false;       ///< every point there is
  std::optional<int> backup{};    ///< step that backed up what is replaced or removed
  bool nothing_replaced = false;  ///< only new points: there is nothing to back up
  int64_t memory_bytes = int64_t{256} << 20;
};

/// What several loads made is together what one source holds: no point is missing, none is twice.
/// Changes nothing.
struct ProofStep {
  LoadSource whole{};
  std::string target{};       ///< of one of the loads, and its configuration: both say what becomes
  CollectionConfig config{};  ///< of points on their way
  std::vector<int> parts{};   ///< the loads, by number
  bool dropped_next = false;  ///< note the digest of the source as it is, for the drop
};

/// A collection that a split makes, and what goes into it.
struct SplitTarget {
  std::string target{};
  std::string label{};
  std::string value{};                     ///< JSON: of the field that decides
  std::shared_ptr<const Filter> filter{};  ///< null, as `value` is empty: takes the rest
};

/// Several new collections, which share the points of one source among them; it is read once.
/// Undone: they are gone.
struct SplitStep {
  LoadSource source{};
  CollectionConfig config{};  ///< of each of them
  std::string by{};           ///< payload path whose value decides
  bool shares = false;        ///< a hash of the id decides
  std::vector<SplitTarget> parts{};
  bool build_index = false;
  Travel travel{};  ///< stream or ship
  int64_t memory_bytes = int64_t{256} << 20;
};

/// Settings of a collection that exists become others: payload indexes are built and dropped,
/// parameters set. Undone: as they were, but for what a server cannot forget.
struct SettingsStep {
  std::string target{};
  std::string target_label{};
  CollectionConfig config{};  ///< as it is to be
  CollectionConfig before{};  ///< as it was
};

using Step = std::variant<BackupStep, ArchiveStep, LoadStep, AliasStep, DropStep, ChangeStep,
                          ProofStep, SettingsStep, SplitStep, MarkStep>;

/// "backup", "archive", "load", "aliases", "drop", "change", "proof", "settings", "split", "mark".
std::string_view kind_of(const Step& step);
/// What it does, for plans: "copies a to b".
std::string describe(const Step& step);
std::string describe_undo(const Step& step);

/// What a step has done so far.
struct StepFacts {
  bool made = false;      ///< the collection or file is there, and ours
  bool finished = false;  ///< a load's target is complete, and visible now or at any moment
  bool verified = false;
  RangeDigest digest{};
  std::vector<RangeDigest> parts{};  ///< a split's, one a collection
  std::string backup{};  ///< an archive's: location of the backup, "archive:DIR/NAME@ID"
  std::string route{};   ///< a load's, once the planned one was given up
  uint64_t removed = 0;
  uint64_t bytes = 0;
  double seconds = 0;
  std::map<std::string, uint64_t> counts{};
  std::vector<std::string> notes{};
};

/// JSON for the journal, and back. Errors: kCorrupt for what is no such JSON.
nlohmann::ordered_json to_json(const Step& step);
Result<Step> parse_step(std::string_view kind, std::string_view args);
nlohmann::ordered_json to_json(const StepFacts& facts);
Result<StepFacts> parse_step_facts(std::string_view json);

}  // namespace vecferry
