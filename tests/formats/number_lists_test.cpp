#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>

#include "vecferry/formats/number_lists_internal.h"

namespace vecferry::formats {
namespace {

Result<std::vector<float>> values_of(const std::string& text) {
  NumberLists lists;
  ARROW_ASSIGN_OR_RAISE(const size_t length, parse_number_lists(text, &lists));
  EXPECT_LE(length, text.size());
  return lists.values;
}

TEST(NumberLists, RoundsOnceAndNotByWayOfDouble) {
  // Just above the middle of 1 and the next float32; as a double it is the middle itself.
  const auto values = values_of("[1.000000059604644775390626]");
  ASSERT_TRUE(values.ok());
  EXPECT_EQ(values->front(), std::nextafter(1.0F, 2.0F));
}

TEST(NumberLists, ReadsWhatJsonAllows) {
  EXPECT_EQ(*values_of("[]"), std::vector<float>{});
  EXPECT_EQ(*values_of("[ 1 ,\n-2.5e1\t, 0.5E-1]"), (std::vector<float>{1, -25, 0.05F}));
  EXPECT_EQ(*values_of("[1e-60, -1e-60]"), (std::vector<float>{0.0F, -0.0F}));
  NumberLists lists;
  ASSERT_TRUE(parse_number_lists("[[1,2],[3,4], [5,6]]", &lists).ok());
  EXPECT_EQ(lists.lists, 3U);
  EXPECT_EQ(lists.values.size(), 6U);
}

TEST(NumberLists, RefusesTheRestAndNamesTheElement) {
  struct Case {
    const char* text;
    const char* words;
  };
  for (const auto& [text, words] :
       std::initializer_list<Case>{{"[1,NaN]", "element 2 is not a finite number: NaN"},
                                   {"[Infinity]", "element 1"},
                                   {"[-Infinity]", "element 1"},
                                   {"[1,null]", "element 2"},
                                   {"[\"0.1\"]", "element 1"},
                                   {"[1e39]", "beyond the range of a float32: 1e39"},
                                   {"[1e999]", "beyond the range"},
                                   {"[01]", "element 1"},
                                   {"[1.]", "element 1"},
                                   {"[.5]", "element 1"},
                                   {"[+1]", "element 1"},
                                   {"[1 2]", "after element 1"},
                                   {"[1,]", "element 2"},
                                   {"[1", "ends inside"},
                                   {"[", "ends inside"},
                                   {"[[1,2],[3]]", "inner vector 2 has 1 values, the first has 2"},
                                   {"[[1],2]", "element 2 is not a list"},
                                   {"[[1],", "ends inside"},
                                   {"[[[1]]]", "element 1"}}) {
    const auto values = values_of(text);
    ASSERT_FALSE(values.ok()) << text;
    EXPECT_EQ(kind_of(values.status()), ErrorKind::kCorrupt);
    EXPECT_NE(values.status().message().find(words), std::string::npos)
        << text << ": " << values.status().message();
  }
}

}  // namespace
}  // namespace vecferry::formats
