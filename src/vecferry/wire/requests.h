#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/point_id.h"

namespace qdrant {
class CountPoints;
class DeletePoints;
class GetPoints;
class ScrollPoints;
}  // namespace qdrant

/// Requests about points that carry none, as REST bodies and as gRPC messages. A client makes them;
/// what is not said takes the server's default.
namespace vecferry::wire {

struct ScrollRequest {
  std::string collection{};
  std::optional<PointId> offset{};  ///< the first id that may come
  uint32_t limit = 0;
  std::string filter_json{};  ///< empty: all points
  bool payload = true;
  std::optional<std::vector<std::string>> vectors{};  ///< by name, may be none; not said: all
  std::optional<std::string> shard_key{};             ///< as column text (model/shard_key.h)
  std::optional<uint64_t> timeout_s{};                ///< gRPC; over REST it is in the address
};
std::string scroll_body(const ScrollRequest& request);
/// Errors: kIncompatible for a filter that gRPC cannot say.
Status fill(const ScrollRequest& request, qdrant::ScrollPoints* message);

struct RetrieveRequest {
  std::string collection{};
  std::vector<PointId> ids{};
  bool payload = true;
  std::optional<std::vector<std::string>> vectors{};
  std::optional<std::string> shard_key{};
};
std::string retrieve_body(const RetrieveRequest& request);
Status fill(const RetrieveRequest& request, qdrant::GetPoints* message);

struct CountRequest {
  std::string collection{};
  std::string filter_json{};
  std::optional<std::string> shard_key{};
};
/// Always exact.
std::string count_body(const CountRequest& request);
Status fill(const CountRequest& request, qdrant::CountPoints* message);

/// By id only: a filter that is empty by mistake would empty the collection.
struct DeleteRequest {
  std::string collection{};
  std::vector<PointId> ids{};
  std::optional<std::string> shard_key{};
  bool wait = true;  ///< gRPC; over REST it is in the address
};
std::string delete_body(const DeleteRequest& request);
Status fill(const DeleteRequest& request, qdrant::DeletePoints* message);

}  // namespace vecferry::wire
