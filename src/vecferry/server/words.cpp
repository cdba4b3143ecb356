#include "vecferry/server/words.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace vecferry::server {
namespace {

Status of_kind(ErrorKind kind, std::string what) {
  return fail({.kind = kind, .what = std::move(what)});
}

constexpr std::string_view kNotServed = "Not implemented: ";

bool worded(std::string_view what) {
  constexpr std::array<std::string_view, 12> kStarts{kNotServed,
                                                     "Wrong input: ",
                                                     "Bad request: ",
                                                     "Format error in",
                                                     "Validation error in",
                                                     "Not found: ",
                                                     "Forbidden: ",
                                                     "Service internal error: ",
                                                     "Timeout: ",
                                                     "Checksum mism",
                                                     "Deserialize e",
                                                     "Rate limiting exceeded: "};
  for (const auto start : kStarts) {
    if (what.substr(0, start.size()) == start) {
      return true;
    }
  }
  return false;
}

std::string_view prefix(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
    case ErrorKind::kIncompatible:
    case ErrorKind::kExists:
      return "Wrong input: ";
    case ErrorKind::kNotFound:
      return "Not found: ";
    case ErrorKind::kRefused:
      return "Forbidden: ";
    case ErrorKind::kTimeout:
      return "Timeout: ";
    default:
      return "Service internal error: ";
  }
}

}  // namespace

Status wrong_input(std::string what) {
  return of_kind(ErrorKind::kUsage, "Wrong input: " + std::move(what));
}

Status bad_request(std::string what) {
  return of_kind(ErrorKind::kUsage, "Bad request: " + std::move(what));
}

Status no_collection(std::string_view name) {
  return of_kind(ErrorKind::kNotFound,
                 fmt::format("Not found: Collection `{}` doesn't exist!", name));
}

Status no_point(std::string_view id) {
  return of_kind(ErrorKind::kNotFound,
                 fmt::format("Not found: Point with id {} does not exists!", id));
}

Status refused(std::string what) {
  return of_kind(ErrorKind::kRefused, "Forbidden: " + std::move(what));
}

Status not_served(std::string what) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = std::string(kNotServed) + std::move(what),
               .next = "docs/serve.md says what this server serves"});
}

bool is_not_served(const Failure& failure) {
  return failure.what.rfind(kNotServed, 0) == 0;
}

Status in_qdrants_words(const Status& status) {
  if (status.ok()) {
    return status;
  }
  Failure failure = failure_of(status);
  if (!worded(failure.what)) {
    failure.what.insert(0, prefix(failure.kind));
  }
  return fail(std::move(failure));
}

}  // namespace vecferry::server
