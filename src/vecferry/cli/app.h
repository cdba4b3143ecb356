#pragma once

#include "vecferry/base/error.h"

namespace vecferry {

/// Words in, text and an exit status out: everything behind `main`.
int run_app(int argc, char** argv, const StopToken& stop);

}  // namespace vecferry
