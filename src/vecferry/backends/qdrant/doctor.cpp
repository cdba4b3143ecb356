#include "vecferry/backends/qdrant/doctor.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/backends/qdrant/grpc_lane_internal.h"
#include "vecferry/backends/qdrant/settings_internal.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

using Json = nlohmann::json;

constexpr Milliseconds kPatience{10000};
constexpr double kMostSkewSeconds = 60;

Json at(const Json& json, std::initializer_list<const char*> path) {
  const Json* found = &json;
  for (const char* key : path) {
    if (!found->is_object() || !found->contains(key)) {
      return {};
    }
    found = &(*found)[key];
  }
  return *found;
}

class Examination {
 public:
  Examination(const QdrantOptions& options, Endpoint endpoint, std::unique_ptr<HttpClient> http,
              StopToken stop)
      : options_(options),
        endpoint_(std::move(endpoint)),
        http_(std::move(http)),
        stop_(std::move(stop)) {}

  Result<std::vector<Check>> run() {
    const bool rest = look_at_rest();
    look_at_grpc();
    if (rest && !version_.empty()) {
      look_at_version();
      look_at_rights();
      look_at_cluster();
      look_at_resources();
      ARROW_RETURN_NOT_OK(look_at_collections());
    }
    ARROW_RETURN_NOT_OK(poll(stop_));
    return std::move(checks_);
  }

 private:
  void say(CheckLevel level, std::string topic, std::string text, std::string next = {}) {
    checks_.push_back({level, std::move(topic), std::move(text), std::move(next)});
  }

  // One try: a doctor does not wait for better days.
  Result<HttpReply> ask(const std::string& method, const std::string& path,
                        std::string_view body = {}) const {
    return http_->send({.method = method, .path = path, .body = body, .timeout = kPatience}, stop_);
  }

  // The `result` of a GET; null when there is none.
  Json result_at(const std::string& path) const {
    const auto reply = ask("GET", path);
    if (!reply.ok() || !reply->good()) {
      return {};
    }
    const Json json = Json::parse(reply->body, nullptr, false);
    return at(json, {"result"});
  }

  std::string words_of(const HttpReply& reply) const {
    return wire::rest_failure({.status = reply.status, .body = reply.body}, "").failure.what;
  }

  bool look_at_rest() {
    const auto start = Clock::now();
    const auto reply = ask("GET", "/");
    if (!reply.ok()) {
      const auto failure = failure_of(reply.status());
      say(CheckLevel::kFail, "rest", failure.what,
          failure.next.find("doctor") == std::string::npos
              ? failure.next
              : "start the server, or check host and port of the address");
      return false;
    }
    const auto took = std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count();
    const auto version = wire::version_of(reply->body);
    if (!reply->good() || !version.ok()) {
      say(CheckLevel::kFail, "rest",
          fmt::format("{} answers with status {}, but not as Qdrant does", endpoint_.rest_url,
                      reply->status),
          "check host, port and path of the address");
      return false;
    }
    version_ = *version;
    say(CheckLevel::kOk, "rest",
        fmt::format("{} answers in {} ms{}", endpoint_.rest_url, took,
                    endpoint_.tls ? ", over TLS" : ""));
    look_at_clock(reply->date);
    return true;
  }

  void look_at_clock(const std::string& date) {
    const std::time_t there = curl_getdate(date.c_str(), nullptr);
    if (date.empty() || there < 0) {
      return;
    }
    const double skew = std::difftime(there, std::time(nullptr));
    if (std::abs(skew) > kMostSkewSeconds) {
      say(CheckLevel::kWarn, "clock",
          fmt::format("the server's clock is {:.0f} s {}", std::abs(skew),
                      skew > 0 ? "ahead" : "behind"),
          "tokens that expire and times in names will mislead; set the clocks");
    } else {
      say(CheckLevel::kOk, "clock", "the clocks agree");
    }
  }

  void look_at_grpc() {
    if (options_.transport == Transport::kRest) {
      say(CheckLevel::kOk, "grpc", "not asked: --transport rest");
      return;
    }
    auto lane = make_grpc_lane(options_, endpoint_);
    const auto version = lane.ok() ? version_over_grpc(**lane, kPatience, stop_)
                                   : Result<std::string>(lane.status());
    if (!version.ok()) {
      say(options_.transport == Transport::kGrpc ? CheckLevel::kFail : CheckLevel::kWarn, "grpc",
          fmt::format("{}; points go over REST: slower, NaN and infinities in vectors cannot be "
                      "read or written",
                      failure_of(version.status()).what),
          fmt::format("open the gRPC port ({}), or name it with grpc_url in vecferry.toml",
                      endpoint_.grpc_target));
      return;
    }
    if (!version_.empty() && *version != version_) {
      say(CheckLevel::kWarn, "grpc",
          fmt::format("{} is Qdrant {}, but REST is Qdrant {}: not the same server",
                      endpoint_.grpc_target, *version, version_),
          "name the right address with grpc_url in vecferry.toml");
      return;
    }
    QdrantOptions grpc = options_;
    grpc.transport = Transport::kGrpc;
    const Status same =
        version_.empty() ? Status::OK() : Connection::open(std::move(grpc), stop_).status();
    if (!same.ok() && kind_of(same) == ErrorKind::kConflict) {
      say(CheckLevel::kWarn, "grpc", failure_of(same).what + "; points go over REST",
          failure_of(same).next);
      return;
    }
    say(CheckLevel::kOk, "grpc",
        fmt::format(
            "{} answers{}", endpoint_.grpc_target,
            version_.empty() ? ", but settings, counts and deletions need REST's port" : ""));
  }

  void look_at_version() {
    const auto features = wire::features_of(version_);
    if (!features.ok()) {
      say(CheckLevel::kFail, "version", failure_of(features.status()).what,
          failure_of(features.status()).next);
      return;
    }
    known_ = true;
    std::vector<std::string> lacks;
    if (!features->multivectors) {
      lacks.emplace_back("multivectors and float16 vectors cannot be stored");
    }
    if (!features->keeps_unit_vectors) {
      lacks.emplace_back("Cosine vectors move by a last bit with each copy");
    }
    if (!features->random_sample) {
      lacks.emplace_back("scans are cut by probing, less evenly");
    }
    if (!features->metadata) {
      lacks.emplace_back("a load that dies leaves no mark");
    }
    std::string text = fmt::format("Qdrant {}", version_);
    for (const auto& lack : lacks) {
      text += "; " + lack;
    }
    say(lacks.empty() ? CheckLevel::kOk : CheckLevel::kWarn, "version", text);
  }

  void look_at_rights() {
    const auto listed = ask("GET", "/collections");
    if (!listed.ok()) {
      say(CheckLevel::kFail, "rights", failure_of(listed.status()).what);
      return;
    }
    if (!listed->good()) {
      const bool no_key = options_.api_key.empty() && options_.bearer_token.empty();
      say(CheckLevel::kFail, "rights", words_of(*listed),
          no_key ? "give the key in QDRANT_API_KEY, or name it in vecferry.toml (api_key_env)"
                 : "check the key");
      return;
    }
    may_read_ = true;
    // Neither does anything: one changes no alias, the other removes no point. Whether a key may
    // write is asked of a collection that is there: of others a server says only that they are not.
    const auto manage = ask("POST", "/collections/aliases", R"({"actions":[]})");
    const bool may_manage = manage.ok() && manage->good();
    const Json names = at(Json::parse(listed->body, nullptr, false), {"result", "collections"});
    bool may_write = false;
    std::string refusal = manage.ok() ? words_of(*manage) : failure_of(manage.status()).what;
    if (!may_manage && names.is_array() && !names.empty()) {
      const auto name = at(names.front(), {"name"});
      const auto write =
          ask("POST",
              collection_path(name.is_string() ? name.get<std::string>() : "") + "/points/delete",
              R"({"points":[]})");
      may_write = write.ok() && (write->good() || write->status == 400);
      refusal = write.ok() ? words_of(*write) : failure_of(write.status()).what;
    }
    if (may_manage) {
      say(CheckLevel::kOk, "rights", "may read, write, and make collections");
    } else if (may_write) {
      say(CheckLevel::kWarn, "rights",
          "may read and write, but not make collections: only --into-existing works");
    } else {
      say(CheckLevel::kWarn, "rights",
          fmt::format("may read; good as a source. As a target: {}", refusal),
          "a target needs a key that may manage (or write, into a collection that is there)");
    }
  }

  void look_at_cluster() {
    const Json cluster = result_at("/cluster");
    const auto ready = ask("GET", "/readyz");
    if (ready.ok() && ready->status == 503) {
      say(CheckLevel::kWarn, "cluster", "some shards are not ready",
          "wait until /readyz answers 200; a node that just started shows old collections");
    }
    if (at(cluster, {"status"}) != "enabled") {
      if (cluster.is_object()) {
        say(CheckLevel::kOk, "cluster", "one node; collections with shard keys cannot be stored");
      }
      return;
    }
    const Json peers = at(cluster, {"peers"});
    const Json failures = at(cluster, {"message_send_failures"});
    if (failures.is_object() && !failures.empty()) {
      std::string who;
      for (const auto& item : failures.items()) {
        who += (who.empty() ? "" : ", ") + item.key();
      }
      say(CheckLevel::kWarn, "cluster",
          fmt::format("{} nodes, of which some do not hear this one: {}", peers.size(), who),
          "reads fail where a shard has no living replica");
    } else {
      say(CheckLevel::kOk, "cluster", fmt::format("{} nodes", peers.size()));
    }
    look_at_nodes(peers);
  }

  // A node's address is not told by the cluster, so it is checked by what answers there.
  void look_at_nodes(const Json& peers) {
    std::set<uint64_t> seen;
    for (const auto& node : options_.nodes) {
      QdrantOptions options = options_;
      options.url = node;
      const auto endpoint = endpoint_of(options);
      auto client = endpoint.ok() ? make_http_client(options, *endpoint)
                                  : Result<std::unique_ptr<HttpClient>>(endpoint.status());
      const auto reply = client.ok()
                             ? (*client)->send({.path = "/cluster", .timeout = kPatience}, stop_)
                             : Result<HttpReply>(client.status());
      if (!reply.ok()) {
        say(CheckLevel::kFail, "nodes",
            fmt::format("{}: {}", node, failure_of(reply.status()).what));
        continue;
      }
      const Json peer = at(Json::parse(reply->body, nullptr, false), {"result", "peer_id"});
      if (!peer.is_number_unsigned() || !peers.contains(peer.dump())) {
        say(CheckLevel::kFail, "nodes", fmt::format("{} is no node of this cluster", node),
            "correct `nodes` in vecferry.toml");
      } else if (!seen.insert(peer.get<uint64_t>()).second) {
        say(CheckLevel::kFail, "nodes",
            fmt::format("{} leads to a node that is named already", node),
            "name each node's own address, not a balancer's");
      }
    }
    if (!options_.nodes.empty() && seen.size() == options_.nodes.size()) {
      say(seen.size() == peers.size() ? CheckLevel::kOk : CheckLevel::kWarn, "nodes",
          fmt::format("{} of {} nodes are named and answer", seen.size(), peers.size()));
    } else if (options_.nodes.empty() && peers.size() > 1) {
      say(CheckLevel::kWarn, "nodes",
          "no addresses of single nodes: streaming works, snapshots of shards do not",
          "list them in vecferry.toml: nodes = [\"http://…\", …]");
    }
  }

  void look_at_resources() {
    const Json telemetry = result_at("/telemetry?details_level=1");
    const Json system = at(telemetry, {"app", "system"});
    const auto kib = [&](const char* key) {
      const Json value = at(system, {key});
      return value.is_number() ? value.get<double>() / (1 << 20) : 0.0;
    };
    const Json resident = at(telemetry, {"memory", "resident_bytes"});
    std::string text;
    if (kib("ram_size") > 0) {
      text = fmt::format("{:.1f} GiB of memory", kib("ram_size"));
    }
    if (resident.is_number() && resident.get<double>() > 0) {
      text += fmt::format("{}{:.1f} GiB in use by the server", text.empty() ? "" : ", ",
                          resident.get<double>() / (1 << 30));
    }
    if (kib("disk_size") > 0) {
      text += fmt::format("{}disk of {:.0f} GiB", text.empty() ? "" : "; ", kib("disk_size"));
    }
    if (!text.empty()) {
      say(CheckLevel::kOk, "resources", text + "; a load needs room for the points twice");
    }
    const Json most = at(telemetry, {"collections", "max_collections"});
    const Json count = at(telemetry, {"collections", "number_of_collections"});
    if (most.is_number_unsigned() && count.is_number_unsigned() &&
        count.get<uint64_t>() >= most.get<uint64_t>()) {
      say(CheckLevel::kWarn, "limits",
          fmt::format("{} of {} collections are there: no other can be made", count.dump(),
                      most.dump()));
    }
  }

  Status look_at_collections() {
    if (!may_read_ || !known_) {
      return Status::OK();
    }
    const Json listed = at(result_at("/collections"), {"collections"});
    size_t healthy = 0;
    for (const auto& entry : listed) {
      ARROW_RETURN_NOT_OK(poll(stop_));
      const Json name = at(entry, {"name"});
      if (name.is_string()) {
        healthy += look_at_collection(name.get<std::string>()) ? 1 : 0;
      }
    }
    say(CheckLevel::kOk, "collections",
        fmt::format("{} there, {} in good health", listed.size(), healthy));
    return Status::OK();
  }

  bool look_at_collection(const std::string& name) {
    const auto reply = ask("GET", collection_path(name));
    if (!reply.ok() || !reply->good()) {
      say(CheckLevel::kWarn, "collections",
          fmt::format("'{}': {}", name,
                      reply.ok() ? words_of(*reply) : failure_of(reply.status()).what));
      return false;
    }
    const auto result = wire::result_of(reply->body);
    const auto facts =
        result.ok() ? facts_of_info(*result) : Result<CollectionFacts>(result.status());
    if (!facts.ok()) {
      say(CheckLevel::kWarn, "collections",
          fmt::format("'{}' cannot be moved: {}", name, failure_of(facts.status()).what));
      return false;
    }
    look_at_limits(name, facts->config);
    if (facts->unfinished) {
      const auto& load = *facts->unfinished;
      say(CheckLevel::kWarn, "loads",
          fmt::format("'{}' is part of a load that began at {} ({}process {} on host {})", name,
                      load.since, has_died(load.owner) ? "ended: " : "", load.owner.pid,
                      load.owner.host),
          fmt::format("copy again, or remove it; to keep it as it is, PATCH {} with {}",
                      collection_path(name), ending_of(load)));
      return false;
    }
    if (facts->state.status == "red" || !facts->state.optimizer_error.empty()) {
      say(CheckLevel::kFail, "collections",
          fmt::format("'{}' is {}: {}", name, facts->state.status, facts->state.optimizer_error),
          "look at the server's log, its disk and its memory");
      return false;
    }
    if (facts->state.status == "grey") {
      say(CheckLevel::kWarn, "collections",
          fmt::format("'{}' is grey: it has stopped building its indexes", name),
          "any update wakes it, or PATCH it with {\"optimizers_config\":{}}");
      return false;
    }
    for (const auto& warning : facts->state.warnings) {
      say(CheckLevel::kWarn, "collections", fmt::format("'{}': {}", name, warning));
    }
    return true;
  }

  void look_at_limits(const std::string& name, const CollectionConfig& config) {
    const Json strict =
        at(Json::parse(config.settings_json, nullptr, false), {"strict_mode_config"});
    if (at(strict, {"enabled"}) != true) {
      return;
    }
    std::string limits;
    for (const auto& item : strict.items()) {
      if (item.key() != "enabled" && !item.value().is_null()) {
        limits +=
            fmt::format("{}{}={}", limits.empty() ? "" : ", ", item.key(), item.value().dump());
      }
    }
    const bool no_count = at(strict, {"search_allow_exact"}) == false;
    say(CheckLevel::kWarn, "limits",
        fmt::format("'{}' has strict mode: {}{}", name, limits,
                    no_count ? "; its points cannot be counted exactly" : ""),
        "reads and writes keep to it and are slower for it");
  }

  const QdrantOptions& options_;
  Endpoint endpoint_;
  std::unique_ptr<HttpClient> http_;
  StopToken stop_;
  std::vector<Check> checks_;
  std::string version_;
  bool known_ = false;
  bool may_read_ = false;
};

}  // namespace
}  // namespace vecferry::remote

namespace vecferry {

std::string_view to_string(CheckLevel level) {
  switch (level) {
    case CheckLevel::kWarn:
      return "warn";
    case CheckLevel::kFail:
      return "fail";
    case CheckLevel::kOk:
      break;
  }
  return "ok";
}

Result<std::vector<Check>> examine_server(const QdrantOptions& options, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto endpoint, remote::endpoint_of(options));
  ARROW_ASSIGN_OR_RAISE(auto http, remote::make_http_client(options, endpoint));
  return remote::Examination(options, std::move(endpoint), std::move(http), stop).run();
}

}  // namespace vecferry
