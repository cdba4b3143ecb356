#include <health.pb.h>
#include <qdrant.pb.h>

#include <array>

#include "vecferry/server/grpc_methods_internal.h"
#include "vecferry/server/version.h"

namespace vecferry::server {
namespace {

Result<std::string> health_check(const GrpcRequest&) {
  qdrant::HealthCheckReply reply;
  reply.set_title("qdrant - vector search engine");
  reply.set_version(std::string(kSpokenVersion));
  return reply.SerializeAsString();
}

Result<std::string> check(const GrpcRequest&) {
  grpc::health::v1::HealthCheckResponse reply;
  reply.set_status(grpc::health::v1::HealthCheckResponse::SERVING);
  return reply.SerializeAsString();
}

constexpr std::array<GrpcMethod, 2> kMethods{{
    {"/qdrant.Qdrant/HealthCheck", health_check, GrpcAccess::kOpen},
    {"/grpc.health.v1.Health/Check", check, GrpcAccess::kOpen},
}};

}  // namespace

std::span<const GrpcMethod> grpc_service_methods() {
  return kMethods;
}

}  // namespace vecferry::server
