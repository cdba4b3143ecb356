#include <points.pb.h>

#include <array>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/server/grpc_methods_internal.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/grpc_filter.h"
#include "vecferry/wire/grpc_operations.h"
#include "vecferry/wire/grpc_points.h"
#include "vecferry/wire/grpc_settings.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::server {
namespace {

void set_result(const UpdateResult& done, qdrant::UpdateResult* result) {
  result->set_operation_id(done.operation_id);
  result->set_status(done.completed ? qdrant::Completed : qdrant::Acknowledged);
}

std::string update_reply(const GrpcRequest& request, const UpdateResult& done) {
  qdrant::PointsOperationResponse reply;
  set_result(done, reply.mutable_result());
  std::string bytes = finish(request, &reply);
  constexpr uint32_t kUsage = 3;
  wire::append_part(kUsage, {}, &bytes);  // Qdrant says so of writes, with nothing in it
  return bytes;
}

// Bytes that decode to nothing are the client's; the decoder takes them for damage.
Status decoded(const Status& status) {
  if (status.ok() || kind_of(status) != ErrorKind::kCorrupt) {
    return status;
  }
  return fail({.kind = ErrorKind::kInternal,
               .what = "failed to decode Protobuf message: " + failure_of(status).what});
}

// Qdrant looks at names and kinds of vectors when it applies an operation, which has a number by
// then.
bool refused_when_applied(const Status& status) {
  const std::string what = failure_of(status).what;
  return what.find("Not existing vector name error") != std::string::npos ||
         what.find("Conversion between sparse and regular vectors") != std::string::npos;
}

Result<UpdateResult> upsert_into(Collection* collection, std::string_view bytes,
                                 const wire::UpsertHead& head, bool wait) {
  if (!head.shard_keys.empty()) {
    return bad_request(fmt::format("Shard key \"{}\" not found", head.shard_keys[0]));
  }
  UpsertArgs args{.wait = wait};
  if (head.update_mode == qdrant::InsertOnly || head.update_mode == qdrant::UpdateOnly) {
    args.mode =
        head.update_mode == qdrant::InsertOnly ? UpdateMode::kInsertOnly : UpdateMode::kUpdateOnly;
  }
  ARROW_ASSIGN_OR_RAISE(args.filter, wire::filter_json_of(std::string_view(head.update_filter)));
  ARROW_ASSIGN_OR_RAISE(auto schema, collection->schema());
  ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(std::move(schema)));
  wire::PointsDecoder decoder(builder.get(), wire::Direction::kRequest);
  const Status read = decoded(decoder.upsert_points(bytes));
  if (!read.ok()) {
    if (refused_when_applied(read)) {
      collection->skip_operation();
    }
    return read;
  }
  ARROW_ASSIGN_OR_RAISE(const auto points, builder->finish());
  return collection->upsert(points, args);
}

Result<std::string> upsert(const GrpcRequest& request) {
  const auto head = wire::read_upsert_head(request.bytes);
  ARROW_RETURN_NOT_OK(decoded(head.status()));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(head->collection));
  ARROW_ASSIGN_OR_RAISE(const auto done,
                        upsert_into(collection.get(), request.bytes, *head, head->wait));
  return update_reply(request, done);
}

Result<std::string> apply(const GrpcRequest& request, const std::string& collection_name,
                          const Result<std::string>& operation, bool wait) {
  ARROW_RETURN_NOT_OK(operation.status());
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(collection_name));
  ARROW_ASSIGN_OR_RAISE(const auto done, collection->apply(*operation, wait));
  return update_reply(request, done);
}

// Every change whose operation follows from the message alone.
template <typename Message>
Result<std::string> change(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<Message>(request.bytes));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  return apply(request, message.collection_name(), wire::operation_of(message), message.wait());
}

template <wire::PayloadChange kChange>
Result<std::string> change_payload(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::SetPayloadPoints>(request.bytes));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  return apply(request, message.collection_name(), wire::operation_of(message, kChange),
               message.wait());
}

Result<std::string> update_batch(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::UpdateBatchPoints>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto operations, wire::operations_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  qdrant::UpdateBatchResponse reply;
  for (const auto& operation : operations) {
    UpdateResult done;
    if (operation.upsert.empty()) {
      ARROW_ASSIGN_OR_RAISE(done, collection->apply(operation.operation, message.wait()));
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto head, wire::read_upsert_head(operation.upsert));
      ARROW_ASSIGN_OR_RAISE(done,
                            upsert_into(collection.get(), operation.upsert, head, message.wait()));
    }
    set_result(done, reply.add_result());
  }
  return finish(request, &reply);
}

Result<std::string> create_index(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::CreateFieldIndexCollection>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::index_body_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto index, wire::index_of_body(body));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_ASSIGN_OR_RAISE(const auto done, collection->create_index(index, message.wait()));
  return update_reply(request, done);
}

Result<std::string> delete_index(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::DeleteFieldIndexCollection>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_ASSIGN_OR_RAISE(const auto done,
                        collection->delete_index(message.field_name(), message.wait()));
  return update_reply(request, done);
}

Result<std::string> change_vectors(const GrpcRequest&) {
  return not_served("adding and removing named vectors");
}

constexpr std::array<GrpcMethod, 13> kMethods{{
    {"/qdrant.Points/Upsert", upsert, GrpcAccess::kWrite},
    {"/qdrant.Points/Delete", change<qdrant::DeletePoints>, GrpcAccess::kWrite},
    {"/qdrant.Points/UpdateVectors", change<qdrant::UpdatePointVectors>, GrpcAccess::kWrite},
    {"/qdrant.Points/DeleteVectors", change<qdrant::DeletePointVectors>, GrpcAccess::kWrite},
    {"/qdrant.Points/SetPayload", change_payload<wire::PayloadChange::kSet>, GrpcAccess::kWrite},
    {"/qdrant.Points/OverwritePayload", change_payload<wire::PayloadChange::kOverwrite>,
     GrpcAccess::kWrite},
    {"/qdrant.Points/DeletePayload", change<qdrant::DeletePayloadPoints>, GrpcAccess::kWrite},
    {"/qdrant.Points/ClearPayload", change<qdrant::ClearPayloadPoints>, GrpcAccess::kWrite},
    {"/qdrant.Points/UpdateBatch", update_batch, GrpcAccess::kWrite},
    {"/qdrant.Points/CreateFieldIndex", create_index, GrpcAccess::kWrite},
    {"/qdrant.Points/DeleteFieldIndex", delete_index, GrpcAccess::kWrite},
    {"/qdrant.Points/CreateVectorName", change_vectors, GrpcAccess::kWrite},
    {"/qdrant.Points/DeleteVectorName", change_vectors, GrpcAccess::kWrite},
}};

}  // namespace

std::span<const GrpcMethod> grpc_points_write_methods() {
  return kMethods;
}

}  // namespace vecferry::server
