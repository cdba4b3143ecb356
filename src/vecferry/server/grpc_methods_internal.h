#pragma once

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"
#include "vecferry/server/collections.h"
#include "vecferry/server/words.h"

/// The methods of gRPC as functions from bytes to bytes: messages with points are never built
/// as objects.
namespace vecferry::server {

struct GrpcRequest {
  Collections& collections;
  std::string_view bytes{};
  std::chrono::steady_clock::time_point started{};

  /// The `time` of a reply.
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  }
};

/// What a method needs of an API key.
enum class GrpcAccess {
  kOpen,    ///< no key at all
  kRead,    ///< any key
  kWrite,   ///< one that may write to the collection that is field 1
  kManage,  ///< one that may do everything
};

struct GrpcMethod {
  std::string_view name{};  ///< as on the wire: "/qdrant.Points/Upsert"
  Result<std::string> (*answer)(const GrpcRequest&) = nullptr;
  GrpcAccess access = GrpcAccess::kRead;
};

std::span<const GrpcMethod> grpc_service_methods();
std::span<const GrpcMethod> grpc_collections_methods();
std::span<const GrpcMethod> grpc_points_read_methods();
std::span<const GrpcMethod> grpc_points_write_methods();
std::span<const GrpcMethod> grpc_snapshots_methods();

/// Errors: kInternal, which is what Qdrant answers to bytes that are no such message.
template <typename Message>
Result<Message> read_message(std::string_view bytes) {
  constexpr int kMaxDepth = 1000;  // payloads nest deeper than protobuf's default of 100
  Message message;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetRecursionLimit(kMaxDepth);
  if (!message.ParseFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
    return fail(
        {.kind = ErrorKind::kInternal,
         .what = fmt::format("failed to decode Protobuf message: no {}", message.GetTypeName())});
  }
  return message;
}

/// A reply whose `time` is set last.
template <typename Message>
std::string finish(const GrpcRequest& request, Message* message) {
  message->set_time(request.seconds());
  return message->SerializeAsString();
}

/// Custom shard keys are nothing that a local collection has.
/// Errors: kUsage in Qdrant's words when the message names one.
template <typename Message>
Status check_no_shard_key(const Message& message) {
  if (!message.has_shard_key_selector() || message.shard_key_selector().shard_keys_size() == 0) {
    return Status::OK();
  }
  const auto& key = message.shard_key_selector().shard_keys(0);
  return fail(
      {.kind = ErrorKind::kUsage,
       .what = key.has_number()
                   ? fmt::format("Wrong input: Shard key {} not found", key.number())
                   : fmt::format("Wrong input: Shard key \"{}\" not found", key.keyword())});
}

}  // namespace vecferry::server
