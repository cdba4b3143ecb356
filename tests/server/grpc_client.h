#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>
#include <string>

namespace vecferry::testing {

/// Unary calls by method name, with messages as bytes.
class GrpcClient {
 public:
  struct Answer {
    grpc::Status status{};
    std::string bytes{};
  };

  explicit GrpcClient(int port) : stub_(channel(port)) {}

  static std::shared_ptr<grpc::Channel> channel(int port) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.compression_enabled_algorithms_bitset", 1);
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                     grpc::InsecureChannelCredentials(), arguments);
  }

  Answer call(const std::string& method, const std::string& request,
              const std::multimap<std::string, std::string>& metadata = {}) {
    grpc::ClientContext context;
    for (const auto& [key, value] : metadata) {
      context.AddMetadata(key, value);
    }
    const grpc::Slice slice(request);
    const grpc::ByteBuffer bytes(&slice, 1);
    grpc::CompletionQueue queue;
    auto reader = stub_.PrepareUnaryCall(&context, method, bytes, &queue);
    reader->StartCall();
    Answer answer;
    grpc::ByteBuffer reply;
    reader->Finish(&reply, &answer.status, this);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    grpc::Slice whole;
    if (answer.status.ok() && reply.DumpToSingleSlice(&whole).ok()) {
      answer.bytes.assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
    }
    return answer;
  }

  /// A call that has to be answered.
  template <typename Reply>
  Reply ask(const std::string& method, const google::protobuf::Message& request) {
    const auto answer = call(method, request.SerializeAsString());
    EXPECT_TRUE(answer.status.ok()) << method << ": " << answer.status.error_message();
    Reply reply;
    EXPECT_TRUE(reply.ParseFromString(answer.bytes)) << method;
    return reply;
  }

  grpc::Status refusal(const std::string& method, const google::protobuf::Message& request,
                       const std::multimap<std::string, std::string>& metadata = {}) {
    return call(method, request.SerializeAsString(), metadata).status;
  }

 private:
  grpc::GenericStub stub_;
};

}  // namespace vecferry::testing
