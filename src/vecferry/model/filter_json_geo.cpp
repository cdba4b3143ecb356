#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/model/filter_json_internal.h"

namespace vecferry::filter_tree {
namespace {

using Json = nlohmann::json;

class GeoReader {
 public:
  explicit GeoReader(const FilterText& text) : text_(text) {}

  Result<GeoBox> box(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 2> kKeys = {"top_left", "bottom_right"};
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    GeoBox result;
    ARROW_ASSIGN_OR_RAISE(result.top_left, point(json, place, "top_left"));
    ARROW_ASSIGN_OR_RAISE(result.bottom_right, point(json, place, "bottom_right"));
    return result;
  }

  Result<GeoRadius> circle(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 2> kKeys = {"center", "radius"};
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    GeoRadius result;
    ARROW_ASSIGN_OR_RAISE(result.center, point(json, place, "center"));
    if (!has(json, "radius") || !json["radius"].is_number()) {
      return text_.error(place, "expected 'radius', in meters");
    }
    result.meters = json["radius"].get<double>();
    return result;
  }

  Result<GeoPolygon> polygon(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 2> kKeys = {"exterior", "interiors"};
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    if (!has(json, "exterior")) {
      return text_.error(place, "expected 'exterior'");
    }
    GeoPolygon result;
    ARROW_ASSIGN_OR_RAISE(result.exterior, ring(json["exterior"], join(place, "exterior")));
    if (!has(json, "interiors")) {
      return result;
    }
    const std::string inner = join(place, "interiors");
    if (!json["interiors"].is_array()) {
      return text_.error(inner, "expected a list of rings");
    }
    for (const Json& hole : json["interiors"]) {
      ARROW_ASSIGN_OR_RAISE(auto interior, ring(hole, inner));
      result.interiors.push_back(std::move(interior));
    }
    return result;
  }

 private:
  // The point under `key` of `json`, or `json` itself when the key is empty.
  Result<GeoPoint> point(const Json& json, const std::string& place, std::string_view key) const {
    constexpr std::array<std::string_view, 2> kKeys = {"lon", "lat"};
    const std::string inner = key.empty() ? place : join(place, key);
    const Json* found = &json;
    if (!key.empty()) {
      if (!has(json, key)) {
        return text_.error(place, fmt::format("expected '{}'", key));
      }
      found = &json[std::string(key)];
    }
    ARROW_RETURN_NOT_OK(text_.check_object(*found, inner));
    ARROW_RETURN_NOT_OK(text_.check_keys(*found, inner, kKeys));
    const auto number = [&](const char* name) {
      return has(*found, name) && (*found)[name].is_number() ? (*found)[name].get<double>()
                                                             : std::nan("");
    };
    const GeoPoint result{number("lon"), number("lat")};
    if (!(std::abs(result.lon) <= 180) || !(std::abs(result.lat) <= 90)) {
      return text_.error(inner, "expected 'lon' within -180..180 and 'lat' within -90..90");
    }
    return result;
  }

  Result<GeoRing> ring(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 1> kKeys = {"points"};
    constexpr double kSame = std::numeric_limits<double>::epsilon();
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    if (!has(json, "points") || !json["points"].is_array()) {
      return text_.error(place, "expected a list of 'points'");
    }
    GeoRing result;
    for (const Json& item : json["points"]) {
      ARROW_ASSIGN_OR_RAISE(const auto next, point(item, place, ""));
      result.push_back(next);
    }
    if (result.size() < 4 || std::abs(result.front().lon - result.back().lon) > kSame ||
        std::abs(result.front().lat - result.back().lat) > kSame) {
      return text_.error(place, "expected at least 4 points, the last the same as the first");
    }
    if (result.front() != result.back()) {
      result.push_back(result.front());
    }
    return result;
  }

  FilterText text_;
};

}  // namespace

Status append_geo_tests(const FilterText& text, const Json& field, const std::string& place,
                        std::vector<ValueTest>* tests) {
  const GeoReader reader(text);
  if (has(field, "geo_bounding_box")) {
    ARROW_ASSIGN_OR_RAISE(auto box,
                          reader.box(field["geo_bounding_box"], join(place, "geo_bounding_box")));
    tests->emplace_back(box);
  }
  if (has(field, "geo_radius")) {
    ARROW_ASSIGN_OR_RAISE(auto circle,
                          reader.circle(field["geo_radius"], join(place, "geo_radius")));
    tests->emplace_back(circle);
  }
  if (has(field, "geo_polygon")) {
    ARROW_ASSIGN_OR_RAISE(auto polygon,
                          reader.polygon(field["geo_polygon"], join(place, "geo_polygon")));
    tests->emplace_back(std::move(polygon));
  }
  return Status::OK();
}

}  // namespace vecferry::filter_tree
