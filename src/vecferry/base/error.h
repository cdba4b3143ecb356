#pragma once

#include <string>
#include <string_view>

#include "arrow/result.h"
#include "arrow/status.h"
#include "arrow/util/cancel.h"

/// Errors are values: arrow::Status and arrow::Result with one detail of ours that says what kind
/// of error it is, where it happened and what a person can do next.
namespace vecferry {

using arrow::Result;
using arrow::Status;
using arrow::StopToken;

/// What callers branch on. The order is part of the engine's C interface (code = index + 1).
enum class ErrorKind {
  kUsage,
  kNotFound,
  kExists,
  kUnavailable,
  kTimeout,
  kConflict,
  kRefused,
  kIncompatible,
  kCorrupt,
  kIo,
  kCancelled,
  kInternal,
};

/// The word for a kind, as JSON output and logs spell it: "not_found", "io", …
std::string_view to_string(ErrorKind kind);

struct Failure {  // the {} let GCC 12 accept one that leaves fields out
  ErrorKind kind = ErrorKind::kInternal;
  std::string what{};      ///< one line, what happened: the Status's message
  std::string where{};     ///< collection, range, file offset
  std::string next{};      ///< what a person can do now; may be empty
  bool retryable = false;  ///< true only if the same call may succeed later
};

/// A Status with the StatusCode that fits the kind and our detail.
Status fail(Failure failure);

/// The detail of a Status. One that Arrow made gets the kind nearest to its code. Never call with
/// OK.
Failure failure_of(const Status& status);
ErrorKind kind_of(const Status& status);

/// The same error with `where` put before what it already says about the place; OK stays OK.
Status widen(const Status& status, std::string_view where);

/// The same error, of this kind, with `next` when it has none; for a Status that a library made.
Status classify(const Status& status, ErrorKind kind, std::string_view where,
                std::string_view next = {});

/// Drop an error on purpose; the reason is for the reader and for search.
inline void discard(const Status& /*status*/, std::string_view /*reason*/) {}

/// kCancelled when the token says stop, else OK.
Status poll(const StopToken& stop);

}  // namespace vecferry
