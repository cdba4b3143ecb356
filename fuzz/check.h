#pragma once

#include <cstdio>
#include <cstdlib>

/// A fuzz target's assertion: what libFuzzer sees as a crash, also in builds without asserts.
#define VECFERRY_CHECK(condition)                                                         \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)
