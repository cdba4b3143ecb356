#include "vecferry/ops/receipt.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace vecferry {

double Receipt::seconds() const {
  return std::chrono::duration<double>(finished_at - started_at).count();
}

std::string format_utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string_view program_version() {
  return VECFERRY_VERSION;
}

nlohmann::ordered_json to_json(const Receipt& receipt) {
  const auto rounded = receipt.counts.find("floats_rounded");
  return {{"verb", receipt.verb},
          {"source", receipt.source},
          {"target", receipt.target},
          {"route", receipt.route},
          {"routes", receipt.routes.empty() ? nlohmann::ordered_json(nullptr)
                                            : nlohmann::ordered_json::parse(receipt.routes)},
          {"points", receipt.digest.count},
          {"verified", receipt.verified},
          {"digest", to_hex(receipt.digest.sum)},
          {"digest_version", kDigestVersion},
          {"floats_rounded", rounded == receipt.counts.end() ? 0 : rounded->second},
          {"counts", receipt.counts},
          {"losses", receipt.losses},
          {"transforms", receipt.transforms},
          {"notes", receipt.notes},
          {"bytes", receipt.bytes},
          {"seconds", receipt.seconds()},
          {"copy_seconds", receipt.copy_seconds},
          {"verify_seconds", receipt.verify_seconds},
          {"started_at", format_utc(receipt.started_at)},
          {"finished_at", format_utc(receipt.finished_at)},
          {"version", program_version()}};
}

}  // namespace vecferry
