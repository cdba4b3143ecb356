#include "vecferry/cli/memory.h"

#include <malloc.h>

#include <cstdlib>

namespace vecferry {
namespace {

constexpr int kArenas = 2;

// Arrow reads its variable when the first batch is made; what a person has set stays.
void use_arenas_alone() {
  static_cast<void>(::mallopt(M_ARENA_MAX, kArenas));
  static_cast<void>(::setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0));
}

}  // namespace

void share_memory_between_lanes() {
  use_arenas_alone();
  // Above this a buffer is mapped and unmapped each time, which costs more than the copy into it.
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 32 << 20));
  static_cast<void>(::mallopt(M_TRIM_THRESHOLD, 64 << 20));
}

void give_memory_back_after_requests() {
  use_arenas_alone();
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 1 << 20));
}

}  // namespace vecferry
