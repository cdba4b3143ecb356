#include "vecferry/model/vector_label.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

TEST(VectorLabel, OnlyNamedOnesAreQuoted) {
  EXPECT_EQ(vector_label(""), "the vector");
  EXPECT_EQ(vector_label("title"), "vector 'title'");
}

}  // namespace
}  // namespace vecferry
