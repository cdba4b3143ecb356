#include "vecferry/ops/alias.h"

#include <fmt/format.h>

#include <utility>

#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/plan_load.h"

namespace vecferry {
namespace {

Status check_ready(const OpenedEnd& collection, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto points,
                        collection.backend->count(collection.collection, nullptr, stop));
  ARROW_ASSIGN_OR_RAISE(const auto unready,
                        collection.backend->unready(collection.collection, stop));
  if (points > 0 && unready.empty()) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kRefused,
               .what = points == 0
                           ? fmt::format("'{}' has no points", collection.collection)
                           : fmt::format("'{}' is not ready: {}", collection.collection, unready),
               .where = collection.label,
               .next = "readers would meet that; `vecferry alias set` moves the alias all the "
                       "same"});
}

}  // namespace

Result<OperationPlan> plan_alias(const AliasRequest& request, StopToken stop) {
  const OpenedEnd& alias = request.alias;
  if (!alias.backend->capabilities().aliases) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "this place has no aliases",
                 .where = alias.label,
                 .next = "local:DIR places and servers have them"});
  }
  ARROW_RETURN_NOT_OK(check_collection_name(alias.collection));
  ARROW_ASSIGN_OR_RAISE(const auto aliases, alias_map(*alias.backend, stop));
  const auto found = aliases.find(alias.collection);
  OperationPlan plan{.verb = "alias",
                     .source = alias.label,
                     .target = alias.label,
                     .locks = {alias.address},
                     .way_back = "undo puts the alias back to where it led"};
  if (!request.collection && found == aliases.end()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no alias '{}'", alias.collection),
                 .where = alias.label,
                 .next = "`vecferry alias list PLACE` shows them"});
  }
  if (request.collection) {
    ARROW_ASSIGN_OR_RAISE(const auto collection, beside(alias, *request.collection));
    plan.target = collection.label;
    ARROW_RETURN_NOT_OK(describe_collection(collection, stop).status());
    const auto taken = alias.backend->describe(alias.collection, stop);
    if (taken.ok() && found == aliases.end()) {
      return fail(
          {.kind = ErrorKind::kExists,
           .what = fmt::format("'{}' is a collection and cannot be an alias", alias.collection),
           .where = alias.label,
           .next = "choose another name"});
    }
    if (request.careful) {
      ARROW_RETURN_NOT_OK(check_ready(collection, stop));
    }
  }
  const auto before = found == aliases.end() ? std::nullopt : std::optional(found->second);
  if (before != request.collection) {
    plan.steps.emplace_back(
        AliasStep{.place = alias.address,
                  .changes = {{.alias = alias.collection, .collection = request.collection}},
                  .before = {{.alias = alias.collection, .collection = before}}});
  }
  return plan;
}

}  // namespace vecferry
