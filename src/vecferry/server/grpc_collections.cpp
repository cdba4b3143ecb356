#include <collections.pb.h>
#include <points.pb.h>

#include <array>
#include <utility>

#include "vecferry/server/grpc_methods_internal.h"
#include "vecferry/wire/grpc_settings.h"

namespace vecferry::server {
namespace {

Status invalid(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = std::move(what)});
}

std::string operation_reply(const GrpcRequest& request, bool result) {
  qdrant::CollectionOperationResponse reply;
  reply.set_result(result);
  return finish(request, &reply);
}

Result<std::string> get(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::GetCollectionInfoRequest>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_ASSIGN_OR_RAISE(const auto info, collection->info());
  qdrant::GetCollectionInfoResponse reply;
  // What gRPC has no field for is left out, as Qdrant does.
  ARROW_RETURN_NOT_OK(wire::read_info(info, reply.mutable_result()).status());
  return finish(request, &reply);
}

Result<std::string> list(const GrpcRequest& request) {
  qdrant::ListCollectionsResponse reply;
  for (const auto& name : request.collections.names()) {
    reply.add_collections()->set_name(name);
  }
  return finish(request, &reply);
}

Status check_vector(const qdrant::VectorParams& vector, std::string_view field) {
  constexpr uint64_t kMaxSize = 65536;
  if (vector.size() == 0 || vector.size() > kMaxSize) {
    return invalid(
        fmt::format("Validation error in body: [{}.size: value {} invalid, must be from "
                    "1 to {}]",
                    field, vector.size(), kMaxSize));
  }
  if (vector.distance() == qdrant::UnknownDistance) {
    return invalid("Malformed distance parameter: UnknownDistance");
  }
  return Status::OK();
}

// What the words of REST do not fit.
Status check_create(const qdrant::CreateCollection& message) {
  const auto& vectors = message.vectors_config();
  if (vectors.has_params()) {
    return check_vector(vectors.params(), "vectors_config.config");
  }
  for (const auto& [name, vector] : vectors.params_map().map()) {
    ARROW_RETURN_NOT_OK(check_vector(vector, fmt::format("vectors_config.config.map[{}]", name)));
  }
  return Status::OK();
}

Result<std::string> create(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::CreateCollection>(request.bytes));
  ARROW_RETURN_NOT_OK(check_create(message));
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::create_body_of(message));
  ARROW_RETURN_NOT_OK(request.collections.create(message.collection_name(), body));
  return operation_reply(request, true);
}

Result<std::string> update(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::UpdateCollection>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::patch_body_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_RETURN_NOT_OK(collection->patch(body));
  return operation_reply(request, true);
}

Result<std::string> drop(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::DeleteCollection>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const bool dropped, request.collections.drop(message.collection_name()));
  return operation_reply(request, dropped);
}

Result<std::string> update_aliases(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::ChangeAliases>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::alias_body_of(message));
  ARROW_RETURN_NOT_OK(request.collections.change_aliases(body));
  return operation_reply(request, true);
}

std::string aliases_reply(const GrpcRequest& request, std::optional<std::string_view> of) {
  qdrant::ListAliasesResponse reply;
  for (const auto& [alias, collection] : request.collections.aliases(of)) {
    auto* added = reply.add_aliases();
    added->set_alias_name(alias);
    added->set_collection_name(collection);
  }
  return finish(request, &reply);
}

Result<std::string> list_aliases(const GrpcRequest& request) {
  return aliases_reply(request, std::nullopt);
}

Result<std::string> list_collection_aliases(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::ListCollectionAliasesRequest>(request.bytes));
  return aliases_reply(request, message.collection_name());
}

Result<std::string> exists(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::CollectionExistsRequest>(request.bytes));
  qdrant::CollectionExistsResponse reply;
  reply.mutable_result()->set_exists(request.collections.exists(message.collection_name()));
  return finish(request, &reply);
}

// One shard, here, as a node without a cluster has it.
Result<std::string> cluster_info(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::CollectionClusterInfoRequest>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_ASSIGN_OR_RAISE(const uint64_t count, collection->count({}));
  qdrant::CollectionClusterInfoResponse reply;
  reply.set_peer_id(1);
  reply.set_shard_count(1);
  auto* shard = reply.add_local_shards();
  shard->set_state(qdrant::Active);
  shard->set_points_count(count);
  return reply.SerializeAsString();
}

Result<std::string> list_shard_keys(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::ListShardKeysRequest>(request.bytes));
  ARROW_RETURN_NOT_OK(request.collections.find(message.collection_name()).status());
  qdrant::ListShardKeysResponse reply;
  return finish(request, &reply);
}

Result<std::string> no_cluster(const GrpcRequest&) {
  return invalid("Bad request: Distributed mode disabled");
}

constexpr std::array<GrpcMethod, 14> kMethods{{
    {"/qdrant.Collections/Get", get},
    {"/qdrant.Collections/List", list},
    {"/qdrant.Collections/Create", create, GrpcAccess::kManage},
    {"/qdrant.Collections/Update", update, GrpcAccess::kManage},
    {"/qdrant.Collections/Delete", drop, GrpcAccess::kManage},
    {"/qdrant.Collections/UpdateAliases", update_aliases, GrpcAccess::kManage},
    {"/qdrant.Collections/ListAliases", list_aliases},
    {"/qdrant.Collections/ListCollectionAliases", list_collection_aliases},
    {"/qdrant.Collections/CollectionExists", exists},
    {"/qdrant.Collections/CollectionClusterInfo", cluster_info},
    {"/qdrant.Collections/ListShardKeys", list_shard_keys},
    {"/qdrant.Collections/CreateShardKey", no_cluster, GrpcAccess::kManage},
    {"/qdrant.Collections/DeleteShardKey", no_cluster, GrpcAccess::kManage},
    {"/qdrant.Collections/UpdateCollectionClusterSetup", no_cluster, GrpcAccess::kManage},
}};

}  // namespace

std::span<const GrpcMethod> grpc_collections_methods() {
  return kMethods;
}

}  // namespace vecferry::server
