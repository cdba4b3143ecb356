#include "vecferry/cli/exit_code.h"

namespace vecferry {

int exit_code_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kNotFound:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
      return kExitNotFound;
    case ErrorKind::kRefused:
    case ErrorKind::kIncompatible:
      return kExitIncompatible;
    case ErrorKind::kConflict:
      return kExitBusy;
    case ErrorKind::kInternal:
      return kExitInternal;
    case ErrorKind::kExists:
    case ErrorKind::kCorrupt:
    case ErrorKind::kIo:
    case ErrorKind::kCancelled:
      break;
  }
  return kExitFailed;
}

}  // namespace vecferry
