#pragma once

#include <memory>

#include "vecferry/embed/embedder.h"

namespace vecferry {

/// A program that reads `{"text":…}` lines from stdin and writes a `{"vector":[…]}` line for each
/// to stdout, in order. Started at the first need, once for each caller at the same time; at the
/// end its stdin is closed, and it is killed when it then goes on for more than a few seconds.
Result<std::unique_ptr<Embedder>> program_embedder(const EmbedderOptions& options);

}  // namespace vecferry
