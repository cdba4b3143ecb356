#pragma once

#include <string_view>

/// Named moments at which crash tests end the process, as a power cut would. Nothing in builds
/// without tests.
namespace vecferry {

/// From now on, passing this point kills the process with SIGKILL; empty: none does. "#7" is the
/// seventh point that is passed, whatever its name, so that a test can go through them all; "?"
/// only names them on stderr. Thread: call before any other thread starts.
void arm_kill_point(std::string_view name);

/// Use the macro.
void pass_kill_point(std::string_view name);

}  // namespace vecferry

#ifdef VECFERRY_TEST_BUILD
#define VECFERRY_KILL_POINT(name) ::vecferry::pass_kill_point(name)
#else
#define VECFERRY_KILL_POINT(name) static_cast<void>(0)
#endif
