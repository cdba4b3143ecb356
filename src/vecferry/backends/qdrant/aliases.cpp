#include <fmt/format.h>

#include <algorithm>

#include "vecferry/backends/qdrant/aliases_internal.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::remote {
namespace {

using Aliases = std::map<std::string, std::string>;

Status check(const Connection& connection, std::span<const AliasChange> changes,
             const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto result, connection.rest({.path = "/collections"}, stop));
  ARROW_ASSIGN_OR_RAISE(const auto names, wire::collection_names(result));
  const auto is_collection = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto& change : changes) {
    if (!change.collection) {
      continue;
    }
    ARROW_RETURN_NOT_OK(check_collection_name(change.alias));
    if (!is_collection(*change.collection)) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("no collection '{}' for alias '{}'", *change.collection,
                                       change.alias),
                   .where = connection.endpoint().place});
    }
    if (is_collection(change.alias)) {
      return fail({.kind = ErrorKind::kExists,
                   .what = fmt::format("'{}' is a collection and cannot be an alias", change.alias),
                   .where = connection.endpoint().place,
                   .next = "choose another alias"});
    }
  }
  return Status::OK();
}

bool as_wanted(const Aliases& now, std::span<const AliasChange> changes) {
  Aliases wanted = now;
  for (const auto& change : changes) {
    if (change.collection) {
      wanted[change.alias] = *change.collection;
    } else {
      wanted.erase(change.alias);
    }
  }
  return wanted == now;
}

Status post(const Connection& connection, std::span<const wire::AliasAction> actions,
            const StopToken& stop) {
  const auto body = wire::alias_body(actions);
  return connection
      .rest({.method = "POST",
             .path = "/collections/aliases?timeout=60",
             .body = body,
             .timeout = Milliseconds(120000)},
            stop)
      .status();
}

}  // namespace

Result<Aliases> all_aliases(const Connection& connection, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto result, connection.rest({.path = "/aliases"}, stop));
  ARROW_ASSIGN_OR_RAISE(auto pairs, wire::alias_pairs(result));
  return Aliases(pairs.begin(), pairs.end());
}

Result<std::vector<std::string>> aliases_of(const Connection& connection, std::string_view name,
                                            const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto all, all_aliases(connection, stop));
  std::string collection(name);
  if (const auto found = all.find(collection); found != all.end()) {
    collection = found->second;
  }
  std::vector<std::string> aliases;
  for (const auto& [alias, target] : all) {
    if (target == collection) {
      aliases.push_back(alias);
    }
  }
  return aliases;
}

Status set_aliases(const Connection& connection, std::span<const AliasChange> changes,
                   const StopToken& stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  ARROW_RETURN_NOT_OK(check(connection, changes, stop));
  ARROW_ASSIGN_OR_RAISE(const auto before, all_aliases(connection, stop));
  std::vector<wire::AliasAction> actions;
  for (const auto& change : changes) {
    actions.push_back({.alias = change.alias, .collection = change.collection});
  }
  Status done = post(connection, actions, stop);
  const auto after = all_aliases(connection, StopToken::Unstoppable());
  if (after.ok() && as_wanted(*after, changes)) {
    return Status::OK();  // also when the answer was lost
  }
  if (done.ok()) {
    return after.ok() ? fail({.kind = ErrorKind::kConflict,
                              .what = "the aliases are not as they were just set",
                              .where = connection.endpoint().place,
                              .next = "somebody else changes them too; look with `vecferry ls`"})
                      : after.status();
  }
  std::vector<wire::AliasAction> back;
  for (const auto& change : changes) {
    const auto old = before.find(change.alias);
    back.push_back({.alias = change.alias,
                    .collection = old == before.end() ? std::nullopt : std::optional(old->second)});
  }
  const Status restored = post(connection, back, StopToken::Unstoppable());
  if (!restored.ok()) {
    Failure failure = failure_of(done);
    failure.next = "some aliases may have changed; look with `vecferry ls`";
    return fail(std::move(failure));
  }
  return done;
}

}  // namespace vecferry::remote
