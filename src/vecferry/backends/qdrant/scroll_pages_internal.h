#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/backend/backend.h"
#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/backends/qdrant/grpc_lane_internal.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/wire/grpc_points.h"
#include "vecferry/wire/requests.h"
#include "vecferry/wire/rest_points.h"

namespace vecferry::remote {

struct ScrollPlan {
  std::string collection{};
  std::shared_ptr<arrow::Schema> schema{};
  IdRange range{};
  std::string filter_json{};
  std::optional<std::vector<std::string>> vectors{};
  bool payload = true;
  std::optional<std::string> shard_key{};
  int64_t page_bytes = int64_t{4} << 20;
  int64_t point_bytes = 0;                ///< about, before any was seen; 0: not known
  std::optional<uint32_t> most_points{};  ///< a page, by the collection's strict mode
  std::function<void()> on_error{};       ///< called once, when a page cannot be had
};

/// The pages of one scroll, in id order. Over gRPC the next page is on its way while this one is
/// decoded. Sizes of pages follow the points seen and the server's time-outs.
/// Thread: one caller at a time.
class ScrollPages {
 public:
  static Result<std::unique_ptr<ScrollPages>> open(std::shared_ptr<const Connection> connection,
                                                   ScrollPlan plan, StopToken stop);
  ~ScrollPages();
  ScrollPages(const ScrollPages&) = delete;
  ScrollPages& operator=(const ScrollPages&) = delete;

  /// The next page, null at the end; rows of the range only.
  Result<std::shared_ptr<arrow::RecordBatch>> next();

 private:
  ScrollPages(std::shared_ptr<const Connection> connection, ScrollPlan plan, StopToken stop);

  wire::ScrollRequest request() const;
  Status start();
  Result<wire::PointsReply> page_over_grpc();
  Result<wire::PointsReply> page_over_rest();
  void shrink();
  void learn(int64_t points, int64_t bytes);
  Result<std::shared_ptr<arrow::RecordBatch>> with_exact_payloads(
      std::shared_ptr<arrow::RecordBatch> batch, const std::vector<PointId>& doubtful) const;
  Result<std::shared_ptr<arrow::RecordBatch>> exact_payloads(const std::vector<PointId>& ids) const;

  std::shared_ptr<const Connection> connection_;
  ScrollPlan plan_;
  StopToken stop_;
  std::unique_ptr<PointsBuilder> builder_;
  std::unique_ptr<wire::PointsDecoder> decoder_;
  std::unique_ptr<wire::RestPointsReader> rest_reader_;
  BorrowedLane lane_;
  std::unique_ptr<GrpcCall> call_;  // the page that is on its way
  std::optional<PointId> offset_;   // where the next page begins
  bool ended_ = false;
  uint32_t limit_ = 0;
};

}  // namespace vecferry::remote
