#include "tests/backends/qdrant/fake_qdrant.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::testing {
namespace {

std::vector<uint64_t> ids_in(const std::string& body) {
  std::vector<uint64_t> ids;
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("points")) {
    for (const auto& point : json["points"]) {
      ids.push_back((point.is_object() ? point["id"] : point).get<uint64_t>());
    }
  }
  return ids;
}

}  // namespace

FakeQdrant::FakeQdrant(CollectionConfig config, Override override_reply, std::string version)
    : config_(std::move(config)),
      override_(std::move(override_reply)),
      version_(std::move(version)),
      server_(std::make_unique<RawServer>(
          [this](const RawRequest& request) { return answer(request); })) {}

std::unique_ptr<Backend> FakeQdrant::connect(double points_per_second) const {
  return open_qdrant({.url = url(),
                      .transport = Transport::kRest,
                      .max_points_per_second = points_per_second,
                      .retry = {.first_delay = std::chrono::milliseconds(1),
                                .longest_delay = std::chrono::milliseconds(5),
                                .give_up_after = std::chrono::milliseconds(300)}},
                     StopToken::Unstoppable())
      .ValueOrDie();
}

std::set<uint64_t> FakeQdrant::stored() const {
  const std::lock_guard lock(mutex_);
  return stored_;
}

std::vector<std::string> FakeQdrant::requests() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  for (const auto& [line, body] : requests_) {
    lines.push_back(line);
  }
  return lines;
}

size_t FakeQdrant::count_of(const std::string& request_begin) const {
  return bodies_of(request_begin).size();
}

std::vector<std::string> FakeQdrant::bodies_of(const std::string& request_begin) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> bodies;
  for (const auto& [line, body] : requests_) {
    if (line.rfind(request_begin, 0) == 0) {
      bodies.push_back(body);
    }
  }
  return bodies;
}

RawReply FakeQdrant::answer(const RawRequest& request) {
  const std::string line = request.method + " " + request.path;
  const auto ids = ids_in(request.body);
  {
    const std::lock_guard lock(mutex_);
    requests_.emplace_back(line, request.body);
  }
  if (override_) {
    if (auto reply = override_(request, ids); !reply.bytes.empty() || reply.close || reply.hold) {
      return reply;
    }
  }
  if (line == "GET /") {
    return {http_reply(200, fmt::format(R"({{"title":"qdrant","version":"{}"}})", version_))};
  }
  if (line == "GET /cluster") {
    return {ok_reply(R"({"status":"disabled"})")};
  }
  if (line == "GET /aliases") {
    return {ok_reply(R"({"aliases":[]})")};
  }
  if (line == "GET /collections") {
    return {ok_reply(R"({"collections":[{"name":"shop"}]})")};
  }
  if (line == "GET /collections/shop") {
    return {ok_reply(wire::info_of(config_, {.status = "green"}, {}))};
  }
  constexpr const char* kDone = R"({"operation_id":1,"status":"completed"})";
  const std::lock_guard lock(mutex_);
  if (line.rfind("PUT /collections/shop/points", 0) == 0) {
    stored_.insert(ids.begin(), ids.end());
    return {ok_reply(kDone)};
  }
  if (line.rfind("POST /collections/shop/points/delete", 0) == 0) {
    for (const uint64_t id : ids) {
      stored_.erase(id);
    }
    return {ok_reply(kDone)};
  }
  return {error_reply(404, "Not found: Collection `x` doesn't exist!")};
}

}  // namespace vecferry::testing
