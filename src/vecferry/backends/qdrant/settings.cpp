#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

#include "vecferry/backends/qdrant/settings_internal.h"
#include "vecferry/backends/qdrant/wait_ready_internal.h"
#include "vecferry/base/percent.h"
#include "vecferry/model/settings_change.h"

namespace vecferry::remote {
namespace {

using Json = nlohmann::json;

constexpr const char* kMark = "vecferry.unfinished_load";
// Creation waits for all nodes of a cluster, 10 s and more when one is down.
constexpr const char* kPatience = "?timeout=60";
constexpr Milliseconds kSettingTimeout{120000};

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string new_load_id() {
  std::random_device source;
  return fmt::format("{:08x}{:08x}", source(), source());
}

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

uint64_t number_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

Json mark_of(const UnfinishedLoad& load) {
  return {{"load", load.load_id},
          {"since", load.since},
          {"host", load.owner.host},
          {"boot", load.owner.boot_id},
          {"pid_namespace", load.owner.pid_namespace},
          {"pid", static_cast<uint64_t>(load.owner.pid)},
          {"started", load.owner.started},
          {"finish", load.finish_body}};
}

// Take our mark out of the settings; metadata that held nothing else was not there.
std::optional<UnfinishedLoad> take_mark(CollectionConfig* config) {
  Json settings = Json::parse(config->settings_json, nullptr, false);
  if (!settings.is_object() || !settings.contains("metadata") ||
      !settings["metadata"].is_object()) {
    return std::nullopt;
  }
  Json& metadata = settings["metadata"];
  std::optional<UnfinishedLoad> load;
  if (const auto mark = metadata.find(kMark); mark != metadata.end()) {
    if (mark->is_object()) {
      load = UnfinishedLoad{.load_id = text_at(*mark, "load"),
                            .since = text_at(*mark, "since"),
                            .owner = {.host = text_at(*mark, "host"),
                                      .boot_id = text_at(*mark, "boot"),
                                      .pid_namespace = text_at(*mark, "pid_namespace"),
                                      .pid = static_cast<int64_t>(number_at(*mark, "pid")),
                                      .started = number_at(*mark, "started")},
                            .finish_body = text_at(*mark, "finish")};
    }
    metadata.erase(mark);
  }
  if (metadata.empty()) {
    settings.erase("metadata");
  }
  config->settings_json = settings.dump();
  return load;
}

Result<std::string> marked_body(const wire::CreatePlan& plan, const std::string& load_id) {
  Json body = Json::parse(plan.create_body, nullptr, false);
  if (!body.is_object()) {
    return fail({.what = "settings that are no JSON object"});
  }
  if (!body.contains("metadata") || !body["metadata"].is_object()) {
    body["metadata"] = Json::object();
  }
  body["metadata"][kMark] = mark_of({.load_id = load_id,
                                     .since = utc_now(),
                                     .owner = this_process(),
                                     .finish_body = plan.finish_body});
  return body.dump();
}

Status already_there(const Connection& connection, std::string_view name,
                     const std::optional<UnfinishedLoad>& load) {
  Failure failure{.kind = ErrorKind::kExists,
                  .what = fmt::format("'{}' exists already", name),
                  .where = connection.place_of(name),
                  .next = "choose another name, or drop it first"};
  if (load) {
    failure.what = fmt::format("'{}' is being loaded since {} by process {} on host {}", name,
                               load->since, load->owner.pid, load->owner.host);
    failure.next = "if that process is dead, remove the collection and try again";
  }
  return fail(std::move(failure));
}

// Remove what a dead load left; OK when the name is free.
Status make_room(const Connection& connection, std::string_view name, const StopToken& stop) {
  const auto facts = facts_of(connection, name, stop);
  if (!facts.ok()) {
    return kind_of(facts.status()) == ErrorKind::kNotFound ? Status::OK() : facts.status();
  }
  // An alias of this name is a collection as well.
  if (!facts->unfinished || !has_died(facts->unfinished->owner)) {
    return already_there(connection, name, facts->unfinished);
  }
  return connection
      .rest({.method = "DELETE",
             .path = collection_path(name) + kPatience,
             .timeout = kSettingTimeout},
            stop)
      .status();
}

// What was made with our mark is ours.
Result<bool> made_by(const Connection& connection, std::string_view name,
                     const std::string& load_id, const StopToken& stop) {
  const auto facts = facts_of(connection, name, stop);
  if (!facts.ok()) {
    return kind_of(facts.status()) == ErrorKind::kNotFound ? Result<bool>(false)
                                                           : Result<bool>(facts.status());
  }
  return facts->unfinished && facts->unfinished->load_id == load_id;
}

Status update(const Connection& connection, std::string_view name, std::string_view body,
              const StopToken& stop) {
  // The same again does no harm.
  return connection
      .rest({.method = "PATCH",
             .path = collection_path(name) + kPatience,
             .body = body,
             .timeout = kSettingTimeout},
            stop)
      .status();
}

Status add_indexes(const Connection& connection, std::string_view name,
                   const wire::CreatePlan& plan, const StopToken& stop) {
  for (const auto& body : plan.index_bodies) {
    // Building one over many points may take long, and a repetition finds it there.
    ARROW_RETURN_NOT_OK(connection
                            .rest({.method = "PUT",
                                   .path = collection_path(name) + "/index?wait=true",
                                   .body = body,
                                   .timeout = Milliseconds(0)},
                                  stop)
                            .status());
  }
  return Status::OK();
}

}  // namespace

std::string ending_of(const UnfinishedLoad& load) {
  Json body = Json::parse(load.finish_body, nullptr, false);
  if (!body.is_object()) {
    body = Json::object();
  }
  body["metadata"] = {{kMark, nullptr}};
  return body.dump();
}

Result<CollectionFacts> facts_of_info(std::string_view info) {
  CollectionFacts facts;
  ARROW_ASSIGN_OR_RAISE(facts.config, wire::config_of_info(info, {}));
  ARROW_ASSIGN_OR_RAISE(facts.state, wire::state_of_info(info));
  facts.unfinished = take_mark(&facts.config);
  return facts;
}

Result<CollectionFacts> facts_of(const Connection& connection, std::string_view collection,
                                 const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto info,
                        connection.rest({.path = collection_path(collection)}, stop));
  return facts_of_info(info);
}

Result<CollectionFacts> facts_for_points(const Connection& connection, std::string_view collection,
                                         const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto facts, facts_of(connection, collection, stop));
  if (!connection.uses_grpc()) {
    return facts;
  }
  const auto info = connection.info_over_grpc(collection, stop);
  ARROW_RETURN_NOT_OK(poll(stop));
  const auto other = info.ok() ? facts_of_info(*info) : Result<CollectionFacts>(info.status());
  if (!other.ok() && kind_of(other.status()) != ErrorKind::kNotFound) {
    return other.status();
  }
  const auto load_of = [](const CollectionFacts& each) {
    return each.unfinished ? each.unfinished->load_id : std::string();
  };
  if (!other.ok() || load_of(*other) != load_of(facts) ||
      other->config.vectors != facts.config.vectors) {
    return fail({.kind = ErrorKind::kConflict,
                 .what = fmt::format("over gRPC at {} this collection is another one",
                                     connection.endpoint().grpc_target),
                 .where = connection.place_of(collection),
                 .next = "name the right address with grpc_url in vecferry.toml, or use "
                         "--transport rest"});
  }
  return facts;
}

Status create_collection(const Connection& connection, std::string_view name,
                         const CollectionConfig& config, const StopToken& stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  ARROW_RETURN_NOT_OK(check_collection_name(name));
  const auto& features = connection.features();
  ARROW_ASSIGN_OR_RAISE(const auto plan,
                        wire::plan_create(config, features, {.hold_indexing = true}));
  ARROW_RETURN_NOT_OK(make_room(connection, name, stop));
  const std::string load_id = new_load_id();
  std::string body = plan.create_body;
  if (features.metadata) {
    ARROW_ASSIGN_OR_RAISE(body, marked_body(plan, load_id));
  }
  const auto made = connection.rest({.method = "PUT",
                                     .path = collection_path(name) + kPatience,
                                     .body = body,
                                     .timeout = kSettingTimeout,
                                     .repeat = Repeat::kNever},
                                    stop);
  if (made.ok()) {
    return Status::OK();
  }
  Failure failure = failure_of(made.status());
  const bool exists = failure.kind == ErrorKind::kExists;
  if (!exists && !failure.retryable) {
    return made.status();
  }
  // The answer may have been lost, or be the one to a repetition by something between.
  if (features.metadata) {
    ARROW_ASSIGN_OR_RAISE(const bool ours, made_by(connection, name, load_id, stop));
    if (ours) {
      return Status::OK();
    }
  } else if (!exists) {
    failure.next = fmt::format("see with `vecferry ls` whether '{}' was made all the same", name);
  }
  return exists ? already_there(connection, name, std::nullopt) : fail(std::move(failure));
}

Result<bool> take_over_load(const Connection& connection, std::string_view name,
                            const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto facts, facts_of(connection, name, stop));
  if (facts.unfinished && facts.unfinished->owner == this_process()) {
    return true;
  }
  if (!facts.unfinished || !has_died(facts.unfinished->owner)) {
    return false;
  }
  auto& load = *facts.unfinished;
  load.owner = this_process();
  const Json body = {{"metadata", {{kMark, mark_of(load)}}}};
  ARROW_RETURN_NOT_OK(update(connection, name, body.dump(), stop));
  // Another process may have had the same thought.
  ARROW_ASSIGN_OR_RAISE(const auto now, facts_of(connection, name, stop));
  return now.unfinished && now.unfinished->load_id == load.load_id &&
         now.unfinished->owner == load.owner;
}

Status change_collection(const Connection& connection, std::string_view name,
                         const CollectionConfig& config, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto facts, facts_of(connection, name, stop));
  ARROW_ASSIGN_OR_RAISE(const auto wanted, with_settings_of(facts.config, config));
  const auto in = [](const std::vector<PayloadIndex>& indexes, const PayloadIndex& index) {
    return std::find(indexes.begin(), indexes.end(), index) != indexes.end();
  };
  for (const auto& index : facts.config.payload_indexes) {
    if (in(wanted.payload_indexes, index)) {
      continue;
    }
    ARROW_RETURN_NOT_OK(connection
                            .rest({.method = "DELETE",
                                   .path = collection_path(name) + "/index/" +
                                           percent_encode(index.path) + "?wait=true",
                                   .timeout = kSettingTimeout},
                                  stop)
                            .status());
  }
  CollectionConfig missing = wanted;
  std::erase_if(missing.payload_indexes,
                [&](const auto& index) { return in(facts.config.payload_indexes, index); });
  ARROW_ASSIGN_OR_RAISE(const auto plan, wire::plan_create(missing, connection.features(), {}));
  ARROW_RETURN_NOT_OK(add_indexes(connection, name, plan, stop));
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::patch_body(facts.config, wanted));
  if (!body.empty()) {
    ARROW_RETURN_NOT_OK(update(connection, name, body, stop));
  }
  return connection.options().wait_for_index ? wait_until_ready(connection, name, stop)
                                             : Status::OK();
}

Status finish_collection(const Connection& connection, std::string_view name,
                         const CollectionConfig& config, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto facts, facts_of(connection, name, stop));
  const auto& features = connection.features();
  ARROW_ASSIGN_OR_RAISE(const auto plan,
                        wire::plan_create(config, features, {.hold_indexing = true}));
  // First the payload indexes: the graphs that are built next take them into account.
  ARROW_RETURN_NOT_OK(add_indexes(connection, name, plan, stop));
  const bool unfinished = facts.unfinished.has_value() || !features.metadata;
  if (!unfinished) {
    return Status::OK();
  }
  if (!plan.finish_body.empty()) {
    ARROW_RETURN_NOT_OK(update(connection, name, plan.finish_body, stop));
  }
  if (connection.options().wait_for_index) {
    ARROW_RETURN_NOT_OK(wait_until_ready(connection, name, stop));
  }
  if (features.metadata) {
    const Json body = {{"metadata", {{kMark, nullptr}}}};
    ARROW_RETURN_NOT_OK(update(connection, name, body.dump(), stop));
  }
  return Status::OK();
}

}  // namespace vecferry::remote
