#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vecferry {

/// How points travel. Settings always go over REST.
enum class Transport { kAuto, kGrpc, kRest };

std::string_view to_string(Transport transport);  ///< "auto", "grpc", "rest"
std::optional<Transport> parse_transport(std::string_view text);

/// In which order writes to one point take effect when several nodes take them; as the server
/// numbers them.
enum class WriteOrdering { kWeak = 0, kMedium = 1, kStrong = 2 };

std::string_view to_string(WriteOrdering ordering);  ///< "weak", "medium", "strong"
std::optional<WriteOrdering> parse_write_ordering(std::string_view text);

/// When a request that failed for a passing reason is sent again: after a random part of a delay
/// that doubles, until the time is up. A delay that the server asks for is kept and not counted.
struct RetryPolicy {
  std::chrono::milliseconds first_delay{100};
  std::chrono::milliseconds longest_delay{5000};
  std::chrono::milliseconds give_up_after{30000};
};

/// How a Qdrant deployment is reached, and how hard it may be worked.
struct QdrantOptions {
  /// `http(s)://host[:port][/prefix]` names the REST port (6333), `qdrant(s)://host[:port]` the
  /// gRPC port (6334); the other one is its neighbour.
  std::string url{};
  Transport transport = Transport::kAuto;
  std::string grpc_url{};      ///< "host:port", where gRPC is not next to REST
  std::string api_key{};       ///< never shown or logged
  std::string bearer_token{};  ///< likewise
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string ca_file{};  ///< PEM; empty: the system's
  std::string proxy{};    ///< empty: what libcurl and gRPC find in the environment
  /// REST addresses of the nodes of a cluster, for what only the node itself can do.
  std::vector<std::string> nodes{};
  double max_points_per_second = 0;  ///< of all writers together; 0: no bound
  int lanes = 0;                     ///< readers and writers side by side; 0: our choice
  std::optional<WriteOrdering> write_ordering{};  ///< the server's default: weak
  bool wait_for_index = true;  ///< `finish` waits until the server has built its indexes
  /// While `finish` waits: vectors indexed, vectors there.
  std::function<void(uint64_t done, uint64_t total)> index_progress{};
  std::chrono::milliseconds connect_timeout{10000};
  std::chrono::milliseconds read_timeout{70000};  ///< the server's own search timeout is 60 s
  std::chrono::milliseconds write_timeout{300000};
  /// `finish` gives up when nothing at all moved for so long.
  std::chrono::milliseconds stall_timeout{1800000};
  RetryPolicy retry{};
};

}  // namespace vecferry
