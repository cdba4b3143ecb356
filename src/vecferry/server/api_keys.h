#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vecferry::server {

struct ApiKeys {
  const std::vector<std::string>& full;
  const std::vector<std::string>& read;  ///< keys that may only read
};

struct Right {
  bool may_write = true;
  std::string refusal{};  ///< Qdrant's words when the request may nothing; empty: it may
};

/// What a request may do that came with these two headers. Keys are compared in constant time.
Right right_of(const ApiKeys& keys, std::string_view api_key, std::string_view authorization);

}  // namespace vecferry::server
