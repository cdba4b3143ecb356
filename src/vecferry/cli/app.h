#pragma once

#include "vecferry/cli/signals.h"

namespace vecferry {

/// Words in, text and an exit status out: everything behind `main`.
int run_app(int argc, char** argv, SignalWatcher& signals);

}  // namespace vecferry
