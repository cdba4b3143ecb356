#include "vecferry/backends/qdrant/aliases_internal.h"
#include "vecferry/backends/qdrant/known_collections_internal.h"

namespace vecferry::remote {
namespace {

constexpr Milliseconds kTrusted{2000};

}  // namespace

Result<CollectionFacts> KnownCollections::ask(const Connection& connection, std::string_view name,
                                              const StopToken& stop) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(name);
  if (found != known_.end() && Clock::now() - found->second.asked < kTrusted) {
    return found->second.facts;
  }
  const auto now = Clock::now();
  ARROW_ASSIGN_OR_RAISE(auto facts, facts_for_points(connection, name, stop));
  ARROW_ASSIGN_OR_RAISE(facts.config.aliases, aliases_of(connection, name, stop));
  known_.insert_or_assign(std::string(name), Known{.facts = facts, .asked = now});
  return facts;
}

void KnownCollections::forget() {
  const std::lock_guard lock(mutex_);
  known_.clear();
}

}  // namespace vecferry::remote
