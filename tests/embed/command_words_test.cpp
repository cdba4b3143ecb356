#include "vecferry/embed/command_words.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

using Words = std::vector<std::string>;

TEST(CommandWords, AreSplitAsByAShell) {
  EXPECT_EQ(command_words("embed").ValueOrDie(), Words{"embed"});
  EXPECT_EQ(command_words("  a\tb \n c ").ValueOrDie(), (Words{"a", "b", "c"}));
  EXPECT_EQ(command_words(R"(run 'a b' "c d" e\ f)").ValueOrDie(),
            (Words{"run", "a b", "c d", "e f"}));
  EXPECT_EQ(command_words(R"(x --n='a''b'"c" '')").ValueOrDie(), (Words{"x", "--n=abc", ""}));
}

TEST(CommandWords, NothingIsExpanded) {
  EXPECT_EQ(command_words("echo $HOME *.txt `id` | cat").ValueOrDie(),
            (Words{"echo", "$HOME", "*.txt", "`id`", "|", "cat"}));
}

TEST(CommandWords, ABackslashBetweenQuotesStandsForItselfMostly) {
  EXPECT_EQ(command_words(R"(x "a\"b\\c\n" '\')").ValueOrDie(), (Words{"x", R"(a"b\c\n)", "\\"}));
}

TEST(CommandWords, WhatIsNoCommandIsRefused) {
  for (const char* text : {"", "  ", "x 'open", "x \"open", "x \\", "'' a"}) {
    EXPECT_EQ(kind_of(command_words(text).status()), ErrorKind::kUsage) << text;
  }
}

}  // namespace
}  // namespace vecferry
