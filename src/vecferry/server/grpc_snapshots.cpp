#include <snapshots.pb.h>

#include <array>

#include "vecferry/server/grpc_methods_internal.h"
#include "vecferry/server/snapshots.h"
#include "vecferry/wire/grpc_replies.h"

namespace vecferry::server {
namespace {

Result<std::string> create(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::CreateSnapshotRequest>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(
      const auto snapshot,
      create_snapshot(request.collections, {.collection = message.collection_name()}));
  qdrant::CreateSnapshotResponse reply;
  ARROW_RETURN_NOT_OK(wire::fill(snapshot, reply.mutable_snapshot_description()));
  return finish(request, &reply);
}

Result<std::string> list(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::ListSnapshotsRequest>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(
      const auto snapshots,
      list_snapshots(request.collections, {.collection = message.collection_name()}));
  qdrant::ListSnapshotsResponse reply;
  for (const auto& snapshot : snapshots) {
    ARROW_RETURN_NOT_OK(wire::fill(snapshot, reply.add_snapshot_descriptions()));
  }
  return finish(request, &reply);
}

Result<std::string> drop(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::DeleteSnapshotRequest>(request.bytes));
  ARROW_RETURN_NOT_OK(delete_snapshot(
      request.collections, {.collection = message.collection_name()}, message.snapshot_name()));
  qdrant::DeleteSnapshotResponse reply;
  return finish(request, &reply);
}

Result<std::string> of_everything(const GrpcRequest&) {
  return not_served("snapshots of the whole storage; take one of each collection");
}

constexpr std::array<GrpcMethod, 6> kMethods{{
    {"/qdrant.Snapshots/Create", create, GrpcAccess::kWrite},
    {"/qdrant.Snapshots/List", list},
    {"/qdrant.Snapshots/Delete", drop, GrpcAccess::kWrite},
    {"/qdrant.Snapshots/CreateFull", of_everything, GrpcAccess::kManage},
    {"/qdrant.Snapshots/ListFull", of_everything, GrpcAccess::kManage},
    {"/qdrant.Snapshots/DeleteFull", of_everything, GrpcAccess::kManage},
}};

}  // namespace

std::span<const GrpcMethod> grpc_snapshots_methods() {
  return kMethods;
}

}  // namespace vecferry::server
