#include "vecferry/cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <limits>

namespace vecferry {

void add_selection(CLI::App& verb, SelectionOptions& options, SelectionScope scope) {
  verb.add_option("--where", options.where,
                  "Only points that match: 'section=libs and size>1000', or Qdrant filter JSON")
      ->type_name("FILTER");
  verb.add_option("--select-payload", options.select_payload, "Keep only these payload keys")
      ->type_name("KEY,…")
      ->delimiter(',');
  verb.add_option("--drop-payload", options.drop_payload, "Leave these payload keys out")
      ->type_name("KEY,…")
      ->delimiter(',');
  verb.add_option("--vectors", options.vectors, "Only these vectors ('' is the unnamed one)")
      ->type_name("NAME,…")
      ->delimiter(',');
  if (scope == SelectionScope::kTransfer) {
    verb.add_option("--rename-vector", options.rename_vectors, "Give a vector another name")
        ->type_name("OLD=NEW");
    verb.add_flag("--provenance", options.provenance,
                  "Add imported_from and imported_at to every payload");
    verb.add_option("--limit", options.limit, "Stop after so many points, in scan order")
        ->type_name("N");
  }
}

void add_network_options(CLI::App& app, NetworkOptions& options) {
  app.add_option("--transport", options.transport,
                 "How points go to and from servers: auto, grpc or rest")
      ->type_name("NAME");
  app.add_option("--ca-file", options.ca_file, "Certificates (PEM) that a server's TLS is held to")
      ->type_name("FILE");
  app.add_option("--max-points-per-second", options.max_points_per_second,
                 "Write to a server no faster than this")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--lanes", options.lanes, "Readers and writers side by side on a server")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  app.add_option("--key-file", options.key_file,
                 "File with the key of an encrypted archive (else VECFERRY_KEY)")
      ->type_name("FILE");
  app.add_option("--protect", options.protect,
                 "An environment that refuses destructive steps without its name typed, as with "
                 "protect = true in vecferry.toml")
      ->type_name("ENV")
      ->allow_extra_args(false);
  app.add_flag("--no-wait-index", options.no_wait_index,
               "Be done when a server has the points, while it still builds its indexes");
}

void add_follow_up_options(CLI::App& verb, bool& follow_up, int& max_passes) {
  auto* follow =
      verb.add_flag("--follow-up", follow_up,
                    "Follow what changes in a live source meanwhile, deletions included, "
                    "until a pass finds nothing");
  verb.add_option("--max-passes", max_passes,
                  "With --follow-up: at most so many passes; says what was still moving then")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->needs(follow);
}

int passes_of(bool follow_up, int max_passes) {
  if (!follow_up) {
    return 0;
  }
  return max_passes > 0 ? max_passes : std::numeric_limits<int>::max();
}

Result<Selection> SelectionOptions::parse() const {
  Selection selection{.select_payload = select_payload,
                      .drop_payload = drop_payload,
                      .provenance = provenance,
                      .limit = limit};
  if (!where.empty()) {
    ARROW_ASSIGN_OR_RAISE(selection.filter, Filter::parse(where));
  }
  if (!vectors.empty()) {
    selection.vectors = vectors;
  }
  for (const auto& text : rename_vectors) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("--rename-vector takes OLD=NEW, got '{}'", text)});
    }
    selection.rename_vectors.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return selection;
}

Result<Distance> distance_of(const std::string& text) {
  const auto distance = parse_distance(text);
  if (!distance) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("no distance '{}'", text),
                 .next = "there is Cosine, Euclid, Dot, Manhattan"});
  }
  return *distance;
}

Result<int64_t> parse_size(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit(end, text.data() + text.size());
  for (const char* suffix : {"iB", "B", "b"}) {
    const std::string_view view = suffix;
    if (unit.size() > view.size() - 1 && unit.size() >= view.size() &&
        unit.compare(unit.size() - view.size(), view.size(), view) == 0) {
      unit.resize(unit.size() - view.size());
      break;
    }
  }
  int shift = -1;
  if (unit.empty()) {
    shift = 0;
  } else if (unit == "k" || unit == "K") {
    shift = 10;
  } else if (unit == "M" || unit == "m") {
    shift = 20;
  } else if (unit == "G" || unit == "g") {
    shift = 30;
  }
  if (error != std::errc() || value <= 0 || shift < 0 || value > (int64_t{1} << 52) >> shift) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is not a size", text),
                 .next = "write it like 256MiB or 1GiB"});
  }
  return value << shift;
}

}  // namespace vecferry
