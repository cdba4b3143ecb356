#include "vecferry/embed/embedder.h"

#include <fmt/format.h>

#include "vecferry/embed/endpoint_internal.h"
#include "vecferry/embed/program_internal.h"

namespace vecferry {

Result<std::unique_ptr<Embedder>> make_embedder(const EmbedderOptions& options) {
  if (options.url.empty() == options.command.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = options.url.empty() ? "nothing to embed with"
                                             : "a server and a program, where one embeds",
                 .next = "name an OpenAI-compatible server with --embed-url, or a program with "
                         "--embed-cmd"});
  }
  constexpr uint32_t kLargestDim = 65536;  // Qdrant's
  if (options.dim == 0 || options.dim > kLargestDim) {
    return fail(
        {.kind = ErrorKind::kUsage,
         .what = fmt::format("--embed-dim takes 1 to {}, got {}", kLargestDim, options.dim)});
  }
  return options.url.empty() ? program_embedder(options) : endpoint_embedder(options);
}

std::string identity_of(const EmbedderOptions& options) {
  return fmt::format("{}\n{}\n{}", options.dim, options.model, options.command);
}

}  // namespace vecferry
