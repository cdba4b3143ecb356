#pragma once

#include <memory>
#include <string>

#include "vecferry/archive/repository.h"

namespace vecferry {

enum class Access {
  kShared,  ///< adds backups; others may do so beside it
  kAlone,   ///< removes what may be in use
};

/// Says in the archive that this process writes to it, until destruction.
/// Thread: one owner.
class WriterMark {
 public:
  /// What writers that died have left is removed first, when nobody else writes. `what`: a word for
  /// others, "backup".
  /// Errors: kConflict when another writer is in the way, with who it is.
  static Result<std::unique_ptr<WriterMark>> take(std::shared_ptr<Repository> repository,
                                                  Access access, std::string what, StopToken stop);
  ~WriterMark();

  /// After a write that came to nothing: what no backup names goes, when nobody else writes. Else
  /// this mark stays, as if the process had died, and the next writer does it.
  void tidy_up();
  WriterMark(const WriterMark&) = delete;
  WriterMark& operator=(const WriterMark&) = delete;

 private:
  WriterMark(std::shared_ptr<Repository> repository, std::string what);
  Status say(Access access) const;
  /// False when others write: nothing was done.
  Result<bool> tidy(const std::vector<std::string>& dead, const StopToken& stop) const;

  std::shared_ptr<Repository> repository_;
  std::string id_;
  std::string what_;
  bool stays_ = false;
};

}  // namespace vecferry
