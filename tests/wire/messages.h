#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <limits>
#include <string>
#include <string_view>

/// Generated protobuf code as the judge of what we encode and decode by hand.
namespace vecferry::testing {

/// Payloads nest deeper than protobuf's default limit of 100 messages.
inline bool parse(std::string_view bytes, google::protobuf::Message* message) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetRecursionLimit(10000);
  return message->ParseFromCodedStream(&in) && in.ConsumedEntireMessage();
}

/// One encoding for one meaning: maps in key order.
inline std::string deterministic(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

template <typename T>
std::string deterministic(std::string_view bytes) {
  T message;
  return parse(bytes, &message) ? deterministic(message) : "not a message";
}

}  // namespace vecferry::testing
