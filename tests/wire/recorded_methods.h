#pragma once

#include <collections.pb.h>
#include <google/protobuf/descriptor.h>
#include <points.pb.h>
#include <qdrant.pb.h>
#include <snapshots.pb.h>

#include <nlohmann/json.hpp>
#include <string>

namespace vecferry::testing {

/// What our .proto files say of a recorded gRPC exchange's method; null when they lack it.
inline const google::protobuf::MethodDescriptor* method_of(const nlohmann::json& exchange) {
  // Named here, so that the linker keeps what the pool is asked for by name.
  qdrant::CollectionExistsRequest::descriptor();
  qdrant::HealthCheckReply::descriptor();
  qdrant::CreateSnapshotRequest::descriptor();
  qdrant::CountResponse::descriptor();
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      exchange["service"].get<std::string>() + "." + exchange["method"].get<std::string>());
}

}  // namespace vecferry::testing
