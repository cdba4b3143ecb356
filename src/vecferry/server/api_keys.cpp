#include "vecferry/server/api_keys.h"

#include <algorithm>

namespace vecferry::server {
namespace {

constexpr std::string_view kBearer = "Bearer ";

// Takes the time that `given` takes, wherever the two differ.
bool same(std::string_view given, std::string_view key) {
  unsigned difference = given.size() == key.size() ? 0U : 1U;
  for (size_t i = 0; i < given.size(); ++i) {
    const char other = key.empty() ? '\0' : key[i % key.size()];
    difference |= static_cast<unsigned char>(given[i] ^ other);
  }
  return difference == 0 && !key.empty();
}

bool any_is(const std::vector<std::string>& keys, std::string_view given) {
  bool found = false;
  for (const auto& key : keys) {
    found = same(given, key) || found;
  }
  return found;
}

}  // namespace

Right right_of(const ApiKeys& keys, std::string_view api_key, std::string_view authorization) {
  if (keys.full.empty() && keys.read.empty()) {
    return {};
  }
  if (api_key.empty() && authorization.substr(0, kBearer.size()) == kBearer) {
    api_key = authorization.substr(kBearer.size());
  }
  if (api_key.empty()) {
    return {.refusal = "Must provide an API key or an Authorization bearer token"};
  }
  if (any_is(keys.full, api_key)) {
    return {};
  }
  if (any_is(keys.read, api_key)) {
    return {.may_write = false};
  }
  return {.refusal = "Invalid API key or JWT"};
}

}  // namespace vecferry::server
