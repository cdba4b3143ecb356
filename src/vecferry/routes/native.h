#pragma once

#include <string>

#include "vecferry/backend/backend.h"
#include "vecferry/routes/spool.h"

/// The route `native`: the servers' own files, index included, from one to the other.
namespace vecferry {

/// Is this place reached by a name of this machine, such as localhost? Elsewhere it means another.
bool is_on_this_machine(const SnapshotStore& store);

/// Errors: kIncompatible, kRefused, with the reason why these two cannot exchange shards.
Status can_go_natively(Backend& source, std::string_view collection, Backend& target,
                       StopToken stop);

struct NativeOutcome {
  size_t shards = 0;
  size_t fetched = 0;     ///< of them, those that the target got from the source itself
  std::string why_not{};  ///< why the others came through this machine
};

/// In words, for receipts.
std::string to_string(const NativeOutcome& outcome);

/// Fill `to`, which was created with the configuration of `from` and is not finished, with its
/// shards. Each is a point in time; of a live source the caller catches up on what changed since.
/// Errors: kIncompatible when their shards are not the same ones; the caller drops `to`.
Result<NativeOutcome> carry_natively(Backend& source, const std::string& from, Backend& target,
                                     const std::string& to, const SpoolOptions& options,
                                     StopToken stop);

}  // namespace vecferry
