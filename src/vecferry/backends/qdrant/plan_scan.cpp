#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "vecferry/backends/qdrant/plan_scan_internal.h"
#include "vecferry/wire/requests.h"

namespace vecferry::remote {
namespace {

using Json = nlohmann::json;

constexpr int kSamplesPerPart = 200;
constexpr int kMostSamples = 4000;
constexpr int kProbes = 128;

Status not_ids() {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = "not a Qdrant reply: no list of points",
               .next = "check that the address is a Qdrant REST port"});
}

Result<std::vector<PointId>> ids_in(const std::string& result) {
  const Json json = Json::parse(result, nullptr, false);
  if (!json.is_object() || !json.contains("points") || !json["points"].is_array()) {
    return not_ids();
  }
  std::vector<PointId> ids;
  for (const auto& point : json["points"]) {
    if (!point.is_object() || !point.contains("id")) {
      return not_ids();
    }
    const Json& id = point["id"];
    const auto parsed = parse_point_id(id.is_string() ? id.get<std::string>() : id.dump());
    if (!parsed) {
      return not_ids();
    }
    ids.push_back(*parsed);
  }
  return ids;
}

// Ids of one kind as 64-bit places: numbers themselves, UUIDs by their first eight bytes.
PointId at_place(bool uuid, uint64_t place) {
  if (!uuid) {
    return PointId::of(place);
  }
  Uuid bytes{};
  for (size_t i = 0; i < 8; ++i) {
    bytes.at(i) = static_cast<uint8_t>(place >> (56 - 8 * i));
  }
  return PointId::of(bytes);
}

uint64_t place_of(const PointId& id) {
  if (!id.is_uuid) {
    return id.number;
  }
  uint64_t place = 0;
  for (size_t i = 0; i < 8; ++i) {
    place = place << 8U | id.uuid.at(i);
  }
  return place;
}

class Prober {
 public:
  Prober(const FirstIdFrom& first_from, bool uuid, std::vector<PointId>* found)
      : first_from_(first_from), uuid_(uuid), found_(found) {}

  Status probe(int wanted) {
    ARROW_ASSIGN_OR_RAISE(const auto first, from(0));
    if (!first) {
      return Status::OK();
    }
    // The last place that has an id: halving between one that has and one that has not.
    uint64_t low = place_of(*first);
    uint64_t high = std::numeric_limits<uint64_t>::max();
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2 + 1;
      ARROW_ASSIGN_OR_RAISE(const auto id, from(middle));
      if (id) {
        low = place_of(*id);
      } else {
        high = middle - 1;
      }
    }
    found_->clear();  // what the halving met lies at the end
    const uint64_t start = place_of(*first);
    const uint64_t step = (low - start) / static_cast<uint64_t>(wanted) + 1;
    for (uint64_t place = start;; place += step) {
      ARROW_ASSIGN_OR_RAISE(const auto id, from(place));
      if (!id) {
        return Status::OK();
      }
      place = place_of(*id);  // nothing lies between
      if (low - place < step) {
        return Status::OK();
      }
    }
  }

 private:
  // Of this kind only.
  Result<std::optional<PointId>> from(uint64_t place) {
    ARROW_ASSIGN_OR_RAISE(auto id, first_from_(at_place(uuid_, place)));
    if (!id || id->is_uuid != uuid_) {
      return std::optional<PointId>();
    }
    found_->push_back(*id);
    return id;
  }

  const FirstIdFrom& first_from_;
  bool uuid_;
  std::vector<PointId>* found_;
};

}  // namespace

Result<std::vector<PointId>> probe_ids(const FirstIdFrom& first_from, int wanted) {
  std::vector<PointId> all;
  for (const bool uuid : {false, true}) {
    std::vector<PointId> found;
    ARROW_RETURN_NOT_OK(Prober(first_from, uuid, &found).probe(wanted));
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

Result<std::vector<IdRange>> plan_ranges(const Connection& connection, std::string_view collection,
                                         const Filter* filter, int parts, const StopToken& stop) {
  const std::string path = collection_path(collection) + "/points";
  if (connection.features().random_sample) {
    Json body = {{"query", {{"sample", "random"}}},
                 {"limit", std::min(kMostSamples, std::max(1, parts) * kSamplesPerPart)},
                 {"with_payload", false},
                 {"with_vector", false}};
    if (filter != nullptr) {
      body["filter"] = Json::parse(filter->json(), nullptr, false);
    }
    const auto sampled =
        connection.rest({.method = "POST", .path = path + "/query", .body = body.dump()}, stop);
    if (sampled.ok()) {
      ARROW_ASSIGN_OR_RAISE(auto ids, ids_in(*sampled));
      return split_by_quantiles(std::move(ids), parts);
    }
    const auto kind = kind_of(sampled.status());
    if (kind != ErrorKind::kRefused && kind != ErrorKind::kIncompatible) {
      return sampled.status();
    }
    // Strict mode may forbid it; scrolling by one is always allowed.
  }
  const FirstIdFrom first_from = [&](const PointId& id) -> Result<std::optional<PointId>> {
    wire::ScrollRequest request{.offset = id, .limit = 1, .payload = false};
    request.vectors.emplace();
    if (filter != nullptr) {
      request.filter_json = filter->json();
    }
    const auto body = wire::scroll_body(request);
    ARROW_ASSIGN_OR_RAISE(
        const auto page,
        connection.rest({.method = "POST", .path = path + "/scroll", .body = body}, stop));
    ARROW_ASSIGN_OR_RAISE(const auto ids, ids_in(page));
    return ids.empty() ? std::optional<PointId>() : ids.front();
  };
  ARROW_ASSIGN_OR_RAISE(auto ids, probe_ids(first_from, parts > 1 ? kProbes : 1));
  return split_by_quantiles(std::move(ids), parts);
}

}  // namespace vecferry::remote
