#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// What a Qdrant server answers when it does not do what was asked, into our errors and back. The
/// one place that reads the server's words: its status codes alone do not tell a batch that is too
/// large from one that is wrong.
namespace vecferry::wire {

struct ServerFailure {
  Failure failure{};
  std::optional<std::chrono::milliseconds> retry_after{};  ///< as the server asked
  bool too_large = false;  ///< the same points in smaller requests may pass
};

struct RestAnswer {
  int status = 0;
  std::string_view body{};         ///< the JSON envelope, plain text or nothing
  std::string_view retry_after{};  ///< the header, in seconds; empty: not there
};

/// For a status that is not 2xx. `where` is what was asked, such as "PUT /collections/shop".
ServerFailure rest_failure(const RestAnswer& answer, std::string_view where);

struct GrpcAnswer {
  int code = 0;  ///< grpc::StatusCode
  std::string_view message{};
  std::string_view retry_after{};     ///< metadata `retry-after`; empty: not there
  bool insufficient_storage = false;  ///< metadata `qdrant-insufficient-storage`
};

/// For a code that is not 0.
ServerFailure grpc_failure(const GrpcAnswer& answer, std::string_view where);

/// The text of `result` in a reply's envelope.
/// Errors: kCorrupt when it is none, or an error.
Result<std::string> result_of(std::string_view body);

/// For a server: the status that Qdrant gives with such an error. Words that begin with "Validation
/// error" go with 422, as they do there.
int http_status_of(const Failure& failure);
int grpc_code_of(const Failure& failure);

/// The envelopes of REST. `result_json` is put in as it is.
std::string ok_body(std::string_view result_json, double seconds);
std::string error_body(std::string_view what, double seconds);

}  // namespace vecferry::wire
