#pragma once

#include <string>
#include <string_view>

#include "vecferry/backends/qdrant/qdrant_options.h"
#include "vecferry/base/error.h"

namespace vecferry::remote {

/// The two addresses of a server.
struct Endpoint {
  std::string place{};        ///< as people write it, without a trailing slash
  std::string rest_url{};     ///< "http://host:6333/prefix"
  std::string grpc_target{};  ///< "host:6334"
  bool tls = false;
  bool loopback = false;  ///< this machine: no proxy
};

/// Errors: kUsage, also for a key in the address, which would end up in shell histories and logs.
Result<Endpoint> endpoint_of(const QdrantOptions& options);

}  // namespace vecferry::remote
