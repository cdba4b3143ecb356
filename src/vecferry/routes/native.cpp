#include "vecferry/routes/native.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "vecferry/base/kill_point.h"

namespace vecferry {
namespace {

// "1.18" -> {1, 18}
std::optional<std::pair<int, int>> parse_generation(std::string_view text) {
  std::pair<int, int> parts;
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) {
    return std::nullopt;
  }
  const char* end = text.data() + text.size();
  const bool good =
      std::from_chars(text.data(), text.data() + dot, parts.first).ec == std::errc() &&
      std::from_chars(text.data() + dot + 1, end, parts.second).ec == std::errc();
  return good ? std::optional(parts) : std::nullopt;
}

// Storage is supported one minor version forward, and never back.
bool takes_files_of(const std::string& target, const std::string& source) {
  const auto to = parse_generation(target);
  const auto from = parse_generation(source);
  return to && from && to->first == from->first &&
         (to->second == from->second || to->second == from->second + 1);
}

Status not_the_same(const std::vector<ShardInfo>& from, const std::vector<ShardInfo>& to) {
  const bool same =
      std::equal(from.begin(), from.end(), to.begin(), to.end(),
                 [](const auto& a, const auto& b) { return a.id == b.id && a.key == b.key; });
  if (same) {
    return Status::OK();
  }
  return fail(
      {.kind = ErrorKind::kIncompatible,
       .what = fmt::format("the target has other shards than the source ({} there, {} here), "
                           "and a shard goes only into one of the same number and key",
                           to.size(), from.size()),
       .next = "--route stream goes between any shards"});
}

}  // namespace

bool is_on_this_machine(const SnapshotStore& store) {
  const std::string place = store.kind().place;
  return place.find("//localhost") != std::string::npos ||
         place.find("//127.") != std::string::npos || place.find("//[::1]") != std::string::npos;
}

Status can_go_natively(Backend& source, std::string_view collection, Backend& target,
                       StopToken stop) {
  SnapshotStore* from = source.snapshots();
  SnapshotStore* to = target.snapshots();
  if (from == nullptr || to == nullptr) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the {} has no snapshots of its shards",
                                     from == nullptr ? "source" : "target"),
                 .next = "--route stream goes between any places"});
  }
  const auto from_kind = from->kind();
  const auto to_kind = to->kind();
  if (!takes_files_of(to_kind.generation, from_kind.generation)) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("a server of version {} is not known to take files of {}",
                                     to_kind.generation, from_kind.generation),
                 .next = "--route stream goes between any versions"});
  }
  ARROW_RETURN_NOT_OK(from->may_read(collection, stop));
  ARROW_RETURN_NOT_OK(to->may_write(stop));
  return from->shards(collection, std::move(stop)).status();
}

std::string to_string(const NativeOutcome& outcome) {
  std::string text = fmt::format(
      "{} went as the server's own files, index included",
      outcome.shards == 1 ? std::string("1 shard") : fmt::format("{} shards", outcome.shards));
  if (outcome.fetched < outcome.shards) {
    text += fmt::format("; {} of them through this machine, because the target could not fetch: {}",
                        outcome.shards - outcome.fetched, outcome.why_not);
  }
  return text;
}

Result<NativeOutcome> carry_natively(Backend& source, const std::string& from, Backend& target,
                                     const std::string& to, const SpoolOptions& options,
                                     StopToken stop) {
  SnapshotStore& reads = *source.snapshots();
  SnapshotStore& writes = *target.snapshots();
  ARROW_ASSIGN_OR_RAISE(const auto shards, reads.shards(from, stop));
  ARROW_ASSIGN_OR_RAISE(const auto there, writes.shards(to, stop));
  ARROW_RETURN_NOT_OK(not_the_same(shards, there));
  NativeOutcome outcome{.shards = shards.size()};
  if (is_on_this_machine(reads) && !is_on_this_machine(writes)) {
    outcome.why_not = "the source is reached by a name of this machine only";
  }
  for (const auto& shard : shards) {
    if (outcome.why_not.empty()) {
      const auto address = reads.address_of(from, shard.id, stop);
      const Status fetched =
          address.ok() ? writes.fetch_shard(to, shard.id, *address, stop) : address.status();
      ARROW_RETURN_NOT_OK(poll(stop));
      if (fetched.ok()) {
        ++outcome.fetched;
        VECFERRY_KILL_POINT("native.fetched");
        continue;
      }
      outcome.why_not = failure_of(fetched).what;
    }
    ARROW_ASSIGN_OR_RAISE(const auto spool, make_spool(options, 0));
    ARROW_ASSIGN_OR_RAISE(const auto file,
                          spool_shard(reads, from, shard.id, spool.path(), options, stop));
    VECFERRY_KILL_POINT("native.spooled");
    ARROW_RETURN_NOT_OK(writes.write_shard(to, shard.id, file, stop));
    VECFERRY_KILL_POINT("native.uploaded");
  }
  return outcome;
}

}  // namespace vecferry
