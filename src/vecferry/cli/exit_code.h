#pragma once

#include "vecferry/base/error.h"

/// Exit statuses: a promise to scripts, see docs/cli.md. Only ever added to.
namespace vecferry {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;        ///< failed, nothing left behind
inline constexpr int kExitUsage = 2;         ///< the words were wrong; nothing was tried
inline constexpr int kExitDifferent = 3;     ///< verify, diff or check found differences or damage
inline constexpr int kExitPartial = 4;       ///< stopped part-way; running it again goes on
inline constexpr int kExitNotFound = 5;      ///< not found or unreachable
inline constexpr int kExitIncompatible = 6;  ///< cannot be held there, or the plan was refused
inline constexpr int kExitBusy = 7;          ///< another run holds the place or the journal
inline constexpr int kExitInternal = 70;     ///< our bug
inline constexpr int kExitInterrupt = 130;   ///< SIGINT
inline constexpr int kExitTerminate = 143;   ///< SIGTERM

/// The exit status for an error that left nothing behind. kCancelled is the caller's to map, who
/// knows the signal.
int exit_code_for(ErrorKind kind);

}  // namespace vecferry
