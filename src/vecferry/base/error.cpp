#include "vecferry/base/error.h"

#include <array>
#include <memory>
#include <utility>

namespace vecferry {
namespace {

constexpr std::array<std::string_view, 12> kKindNames = {
    "usage",   "not_found",    "exists",  "unavailable", "timeout",   "conflict",
    "refused", "incompatible", "corrupt", "io",          "cancelled", "internal"};

constexpr const char* kDetailType = "vecferry::Failure";

class FailureDetail : public arrow::StatusDetail {
 public:
  explicit FailureDetail(Failure failure) : failure_(std::move(failure)) {}
  const char* type_id() const override { return kDetailType; }
  std::string ToString() const override {
    return failure_.where.empty() ? std::string(to_string(failure_.kind))
                                  : std::string(to_string(failure_.kind)) + " at " + failure_.where;
  }
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

arrow::StatusCode code_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
    case ErrorKind::kIncompatible:
    case ErrorKind::kRefused:
      return arrow::StatusCode::Invalid;
    case ErrorKind::kNotFound:
      return arrow::StatusCode::KeyError;
    case ErrorKind::kExists:
    case ErrorKind::kConflict:
      return arrow::StatusCode::AlreadyExists;
    case ErrorKind::kCorrupt:
      return arrow::StatusCode::SerializationError;
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kIo:
      return arrow::StatusCode::IOError;
    case ErrorKind::kCancelled:
      return arrow::StatusCode::Cancelled;
    case ErrorKind::kInternal:
      break;
  }
  return arrow::StatusCode::UnknownError;
}

ErrorKind kind_for(arrow::StatusCode code) {
  switch (code) {
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::TypeError:
    case arrow::StatusCode::SerializationError:
      return ErrorKind::kCorrupt;
    case arrow::StatusCode::KeyError:
      return ErrorKind::kNotFound;
    case arrow::StatusCode::AlreadyExists:
      return ErrorKind::kExists;
    case arrow::StatusCode::IOError:
    case arrow::StatusCode::OutOfMemory:
    case arrow::StatusCode::CapacityError:
      return ErrorKind::kIo;
    case arrow::StatusCode::Cancelled:
      return ErrorKind::kCancelled;
    default:
      return ErrorKind::kInternal;
  }
}

}  // namespace

std::string_view to_string(ErrorKind kind) {
  return kKindNames.at(static_cast<size_t>(kind));
}

Status fail(Failure failure) {
  const auto code = code_for(failure.kind);
  std::string what = failure.what;
  return {code, std::move(what), std::make_shared<FailureDetail>(std::move(failure))};
}

Failure failure_of(const Status& status) {
  if (status.ok()) {
    return {.what = "no error"};
  }
  const auto& detail = status.detail();
  if (detail != nullptr && std::string_view(detail->type_id()) == kDetailType) {
    return static_cast<const FailureDetail&>(*detail).failure();
  }
  return {.kind = kind_for(status.code()), .what = status.message()};
}

ErrorKind kind_of(const Status& status) {
  return failure_of(status).kind;
}

Status widen(const Status& status, std::string_view where) {
  if (status.ok()) {
    return status;
  }
  Failure failure = failure_of(status);
  failure.where =
      failure.where.empty() ? std::string(where) : std::string(where) + ", " + failure.where;
  return fail(std::move(failure));
}

Status classify(const Status& status, ErrorKind kind, std::string_view where,
                std::string_view next) {
  if (status.ok()) {
    return status;
  }
  const auto& detail = status.detail();
  const bool ours = detail != nullptr && std::string_view(detail->type_id()) == kDetailType;
  Failure failure = failure_of(status);
  if (!ours && failure.kind != ErrorKind::kCancelled) {
    failure.kind = kind;
  }
  if (failure.where.empty()) {
    failure.where = std::string(where);
  }
  if (failure.next.empty()) {
    failure.next = std::string(next);
  }
  return fail(std::move(failure));
}

Status poll(const StopToken& stop) {
  if (stop.IsStopRequested()) {
    return fail({.kind = ErrorKind::kCancelled, .what = "stopped on request"});
  }
  return Status::OK();
}

}  // namespace vecferry
