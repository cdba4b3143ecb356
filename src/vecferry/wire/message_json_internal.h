#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vecferry/base/error.h"

namespace google::protobuf {
class Message;
}

/// Settings messages as the JSON that REST has for them, by the messages' own descriptors: a field
/// that is added to the .proto is carried at once. What REST says in another shape (vector maps,
/// quantization, index parameters, payload values) has its rule here.
namespace vecferry::wire {

/// Fields that are set, by name. Errors: kUsage for an enum value that the .proto does not have.
Result<nlohmann::json> json_of(const google::protobuf::Message& message);

/// Fill a message. Null is as absent. Members without a field are added to `*unsaid`, dotted.
/// Errors: kIncompatible naming the member whose value its field cannot hold.
Status fill(const nlohmann::json& json, google::protobuf::Message* message,
            std::vector<std::string>* unsaid);

}  // namespace vecferry::wire
