#include <algorithm>
#include <cmath>

#include "vecferry/model/filter_internal.h"

namespace vecferry::filter_tree {
namespace {

constexpr double kRadiansPerDegree = 3.14159265358979323846 / 180.0;

enum class Place { kInside, kOutside, kOnBoundary };

// Which side of the line from `a` to `b` the point is on: positive is left. Wider than double, so
// that a point on the line comes out as zero.
long double side(const GeoPoint& a, const GeoPoint& b, const GeoPoint& point) {
  using Wide = long double;
  return (Wide(b.lon) - a.lon) * (Wide(point.lat) - a.lat) -
         (Wide(b.lat) - a.lat) * (Wide(point.lon) - a.lon);
}

bool between(double value, double a, double b) {
  return value >= std::min(a, b) && value <= std::max(a, b);
}

// Winding number with the boundary told apart, as the engine's geometry library does it.
Place place_in(const GeoRing& ring, const GeoPoint& point) {
  int winding = 0;
  for (size_t i = 0; i + 1 < ring.size(); ++i) {
    const GeoPoint& from = ring[i];
    const GeoPoint& to = ring[i + 1];
    // An edge has its lower end and lacks its upper one, so that a corner counts once.
    const bool up = from.lat <= point.lat && to.lat >= point.lat;
    const bool down = from.lat > point.lat && to.lat <= point.lat;
    if (!up && !down) {
      continue;
    }
    const long double turn = side(from, to, point);
    if (turn == 0 && between(point.lon, from.lon, to.lon)) {
      return Place::kOnBoundary;
    }
    if (up && turn > 0 && to.lat != point.lat) {
      ++winding;
    } else if (down && turn < 0) {
      --winding;
    }
  }
  return winding == 0 ? Place::kOutside : Place::kInside;
}

}  // namespace

bool contains(const GeoBox& box, const GeoPoint& point) {
  const double left = box.top_left.lon;
  const double right = box.bottom_right.lon;
  const bool lon_fits = left > right
                            ? point.lon > left || point.lon < right  // over the antimeridian
                            : left < point.lon && point.lon < right;
  return lon_fits && box.bottom_right.lat < point.lat && point.lat < box.top_left.lat;
}

bool contains(const GeoRadius& circle, const GeoPoint& point) {
  constexpr double kEarthRadius = 6371008.8;  // mean of GRS80
  const double lat1 = circle.center.lat * kRadiansPerDegree;
  const double lat2 = point.lat * kRadiansPerDegree;
  const double half_lat = std::sin((point.lat - circle.center.lat) * kRadiansPerDegree / 2);
  const double half_lon = std::sin((point.lon - circle.center.lon) * kRadiansPerDegree / 2);
  const double a = half_lat * half_lat + std::cos(lat1) * std::cos(lat2) * (half_lon * half_lon);
  return kEarthRadius * (2 * std::asin(std::sqrt(a))) < circle.meters;
}

bool contains(const GeoPolygon& polygon, const GeoPoint& point) {
  if (place_in(polygon.exterior, point) != Place::kInside) {
    return false;
  }
  return std::all_of(polygon.interiors.begin(), polygon.interiors.end(),
                     [&](const GeoRing& ring) { return place_in(ring, point) == Place::kOutside; });
}

}  // namespace vecferry::filter_tree
