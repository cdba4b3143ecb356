#pragma once

#include <memory>

#include "vecferry/embed/embedder.h"

namespace vecferry {

/// An OpenAI-compatible server. Retries what may pass later with growing, partly random delays, or
/// after the time that the server names.
Result<std::unique_ptr<Embedder>> endpoint_embedder(const EmbedderOptions& options);

/// The address that is posted to: URL/v1/embeddings, URL/embeddings where the URL ends in /v1, or
/// the URL itself when it ends in /embeddings; a query stays at the end.
std::string embeddings_url(std::string_view url);

/// An address without user, password and query.
std::string without_secrets(std::string_view url);

}  // namespace vecferry
