#include "vecferry/routes/about.h"

#include <fmt/format.h>

#include <cmath>

namespace vecferry {

std::string about_time(double seconds) {
  if (seconds < 0.095) {
    return "less than 0.1 s";
  }
  if (seconds < 100) {
    return seconds < 1.95 ? fmt::format("about {:.1f} s", seconds)
                          : fmt::format("about {:.0f} s", seconds);
  }
  return seconds < 5400 ? fmt::format("about {:.0f} min", seconds / 60)
                        : fmt::format("about {:.1f} h", seconds / 3600);
}

std::string about_size(double bytes) {
  return bytes < 1e9 ? fmt::format("{:.0f} MB", std::ceil(bytes / 1e6))
                     : fmt::format("{:.1f} GB", bytes / 1e9);
}

}  // namespace vecferry
