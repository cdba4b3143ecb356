#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

namespace qdrant {
class ClearPayloadPoints;
class DeletePayloadPoints;
class DeletePoints;
class DeletePointVectors;
class PointsUpdateOperation;
class SetPayloadPoints;
class UpdateBatchPoints;
class UpdatePointVectors;
}  // namespace qdrant

/// Changes of points over gRPC as elements of the `operations` of REST's `points/batch`, such as
/// {"set_payload":{…}}, for a server.
/// Errors: kUsage in Qdrant's words.
namespace vecferry::wire {

enum class PayloadChange { kSet, kOverwrite };
/// Both calls have one message.
Result<std::string> operation_of(const qdrant::SetPayloadPoints& message, PayloadChange change);
Result<std::string> operation_of(const qdrant::DeletePayloadPoints& message);
Result<std::string> operation_of(const qdrant::ClearPayloadPoints& message);
Result<std::string> operation_of(const qdrant::UpdatePointVectors& message);
Result<std::string> operation_of(const qdrant::DeletePointVectors& message);
Result<std::string> operation_of(const qdrant::DeletePoints& message);

/// One operation of a batch: whole points, or anything else.
struct BatchOperation {
  std::string upsert{};     ///< an encoded UpsertPoints without a collection; empty: not this
  std::string operation{};  ///< an element of `operations`; empty: not this
};
/// All of a batch, in order.
Result<std::vector<BatchOperation>> operations_of(const qdrant::UpdateBatchPoints& message);

}  // namespace vecferry::wire
