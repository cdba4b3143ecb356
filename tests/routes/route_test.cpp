#include "vecferry/routes/route.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

TEST(Route, NamesAreReadBack) {
  for (const Route route : {Route::kStream, Route::kNative, Route::kEngineRead, Route::kShip}) {
    EXPECT_EQ(parse_route(to_string(route)), route);
  }
  EXPECT_EQ(parse_route("teleport"), std::nullopt);
}

}  // namespace
}  // namespace vecferry
