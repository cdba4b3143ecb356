#pragma once

/// The engine's own log lines.
namespace vecferry::engine {

/// Send what the engine logs to the library's sink (base/log.h); it is silent before. `level` 0
/// stops it again, 1 lets errors through, … 5 everything.
/// Thread: once, before shards are opened.
void forward_log(int level);

}  // namespace vecferry::engine
