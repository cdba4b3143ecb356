#include <cstdio>
#include <exception>

#include "vecferry/cli/app.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/signals.h"

int main(int argc, char** argv) {
  vecferry::SignalWatcher signals;  // before any other thread, so that all inherit its mask
  try {
    return vecferry::run_app(argc, argv, signals);
  } catch (const std::exception& error) {
    std::fprintf(stderr,
                 "vecferry: error: this is a bug of ours: %s\n"
                 "  next:  please report it with the command that you typed\n",
                 error.what());
    return vecferry::kExitInternal;
  }
}
