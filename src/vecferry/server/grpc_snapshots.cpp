#include <snapshots.pb.h>

#include <array>

#include "vecferry/server/grpc_methods_internal.h"
#include "vecferry/server/words.h"

namespace vecferry::server {

std::span<const GrpcMethod> grpc_snapshots_methods() {
  return {};
}

}  // namespace vecferry::server
