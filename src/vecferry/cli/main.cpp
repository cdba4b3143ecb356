#include <cstdio>
#include <cstdlib>
#include <exception>

#include "arrow/filesystem/filesystem.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/cli/app.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/signals.h"

int main(int argc, char** argv) {
#ifdef VECFERRY_TEST_BUILD
  if (const char* point = std::getenv("VECFERRY_KILL_POINT"); point != nullptr) {
    vecferry::arm_kill_point(point);
  }
#endif
  vecferry::SignalWatcher signals;  // before any other thread, so that all inherit its mask
  try {
    const int code = vecferry::run_app(argc, argv, signals);
    arrow::fs::EnsureFinalized();  // S3's threads, if it was loaded, must end before its library
    return code;
  } catch (const std::exception& error) {
    std::fprintf(stderr,
                 "vecferry: error: this is a bug of ours: %s\n"
                 "  next:  please report it with the command that you typed\n",
                 error.what());
    return vecferry::kExitInternal;
  }
}
