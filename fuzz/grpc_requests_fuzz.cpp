// Searches and changes over gRPC: whatever bytes parse as a message become a body that is JSON, or
// an error of the one who asked.

#include <google/protobuf/io/coded_stream.h>
#include <points.pb.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "vecferry/wire/grpc_operations.h"
#include "vecferry/wire/grpc_query.h"

namespace {

using vecferry::Result;

template <typename Message>
bool parse(std::string_view bytes, Message* message) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetRecursionLimit(1000);  // as the server reads
  return message->ParseFromCodedStream(&in) && in.ConsumedEntireMessage();
}

void check(const Result<std::string>& body) {
  if (body.ok()) {
    VECFERRY_CHECK(nlohmann::json::accept(*body));
  } else {
    VECFERRY_CHECK(vecferry::kind_of(body.status()) == vecferry::ErrorKind::kUsage);
  }
}

template <typename Message>
void check_query(std::string_view bytes) {
  if (Message message; parse(bytes, &message)) {
    check(vecferry::wire::query_body_of(message));
  }
}

void check_batch(std::string_view bytes) {
  qdrant::UpdateBatchPoints batch;
  if (!parse(bytes, &batch)) {
    return;
  }
  const auto operations = vecferry::wire::operations_of(batch);
  if (!operations.ok()) {
    check(operations.status());
    return;
  }
  VECFERRY_CHECK(operations->size() == static_cast<size_t>(batch.operations_size()));
  for (const auto& operation : *operations) {
    VECFERRY_CHECK(operation.upsert.empty() != operation.operation.empty());
    VECFERRY_CHECK(operation.operation.empty() || nlohmann::json::accept(operation.operation));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      check_query<qdrant::QueryPoints>(bytes);
      break;
    case 1:
      check_query<qdrant::RecommendPoints>(bytes);
      break;
    case 2:
      check_query<qdrant::DiscoverPoints>(bytes);
      break;
    case 3:
      if (qdrant::QueryPointGroups message; parse(bytes, &message)) {
        check(vecferry::wire::query_groups_body_of(message));
      }
      break;
    default:
      check_batch(bytes);
      break;
  }
  return 0;
}
