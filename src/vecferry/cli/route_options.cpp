#include "vecferry/cli/route_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "vecferry/base/near_miss.h"

namespace vecferry {

Result<TravelWish> RouteWords::parse(const PlaceNames& names) const {
  TravelWish wish{.spool = spool,
                  .index_threads = index_threads,
                  .index = !no_index,
                  .waits = names.waits_for_index()};
  if (!route.empty()) {
    wish.route = parse_route(route);
    if (!wish.route) {
      constexpr std::string_view kRoutes[] = {"stream", "native", "engine-read", "ship"};
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("no route '{}'{}", route, did_you_mean(route, kRoutes)),
                   .next = "there is stream, native, engine-read, ship; docs/routes.md tells them "
                           "apart"});
    }
  }
  const auto preferred = parse_prefer(prefer);
  if (!preferred) {
    constexpr std::string_view kPreferences[] = {"fast", "light", "consistent"};
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("--prefer takes no '{}'{}", prefer,
                                     did_you_mean(prefer, kPreferences)),
                 .next = "there is fast, light, consistent"});
  }
  wish.prefer = *preferred;
  return wish;
}

void add_route_options(CLI::App& verb, RouteWords& words, RouteScope scope) {
  verb.add_option("--route", words.route,
                  scope == RouteScope::kReads
                      ? "How a server is read: stream (point by point), engine-read (snapshots of "
                        "its shards, a point in time)"
                      : "How it travels: stream, native, engine-read or ship; without it the best "
                        "that is possible")
      ->type_name("NAME");
  if (verb.get_option_no_throw("--prefer") == nullptr) {  // `sync` has one for its two sides
    verb.add_option("--prefer", words.prefer, "What is best: fast, light (for servers), consistent")
        ->type_name("WHAT")
        ->capture_default_str();
  }
  verb.add_option("--spool", words.spool,
                  "Folder for snapshots and shards on their way (the system's temporary one)")
      ->type_name("DIR");
  if (scope == RouteScope::kMakes) {
    verb.add_option("--index-threads", words.index_threads,
                    "Threads that build the index of a shipped collection (its settings' number)")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    verb.add_flag("--no-index", words.no_index, "Ship without an index: the server builds it");
  }
}

}  // namespace vecferry
