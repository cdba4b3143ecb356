#pragma once

#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// Errors in the words of Qdrant 1.18, which clients match on.
namespace vecferry::server {

Status wrong_input(std::string what);  ///< "Wrong input: …", 400
Status bad_request(std::string what);  ///< "Bad request: …", 400
Status no_collection(std::string_view name);
Status no_point(std::string_view id);
Status refused(std::string what);  ///< "Forbidden: …", 403

/// What Qdrant does and this server does not: 501 in REST, UNIMPLEMENTED in gRPC.
Status not_served(std::string what);
bool is_not_served(const Failure& failure);

/// An error of the engine or the place, as Qdrant would word it; one that is worded so already
/// stays as it is. OK stays OK.
Status in_qdrants_words(const Status& status);

template <typename T>
Result<T> in_qdrants_words(Result<T> result) {
  return result.ok() ? std::move(result) : Result<T>(in_qdrants_words(result.status()));
}

}  // namespace vecferry::server
