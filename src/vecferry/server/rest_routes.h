#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/server/collections.h"

/// Qdrant's REST as a function from requests to answers; HTTP itself is in server/rest_server.h.
namespace vecferry::server {

struct RestRequest {
  std::string method{};
  std::vector<std::string> path{};  ///< parts of the address, decoded
  std::map<std::string, std::string> query{};
  std::string body{};
  bool may_write = true;  ///< false: the key that came along only reads
  /// A file that came as form field `snapshot`; empty: none.
  std::filesystem::path upload{};
};

struct RestAnswer {
  int status = 200;
  std::string body{};
  std::string content_type{};  ///< empty: there is no body
  /// Sent instead of `body`.
  std::filesystem::path file{};
  std::string file_name{};
  bool file_is_ours = false;  ///< remove its folder when it was sent
};

/// Answer one request. Never fails: errors are answers, too.
/// Thread: safe for concurrent use.
RestAnswer answer(Collections& collections, RestRequest request);

/// The parts of the path of an address such as "/collections/a%20b?wait=true", and what follows the
/// question mark. Nothing for one that is not percent-encoded well.
struct RestTarget {
  std::vector<std::string> path{};
  std::map<std::string, std::string> query{};
};
std::optional<RestTarget> read_target(std::string_view target);

}  // namespace vecferry::server
