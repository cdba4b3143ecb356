#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/point_id.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/wire/direction.h"
#include "vecferry/wire/grpc_points.h"

/// Points between REST bodies and batches, both ways at both ends.
namespace vecferry::wire {

/// What stands around the points of an upsert body.
struct UpsertBody {
  int64_t points = 0;
  std::vector<std::string> shard_keys{};  ///< as column text (model/shard_key.h)
  std::string update_filter{};            ///< filter JSON; empty: none
  std::string update_mode{};  ///< "upsert", "insert_only", "update_only"; empty: not said
};

/// Appends points to a builder. After an error the builder holds half a point: throw it away.
/// Keeps its buffers. Thread: one caller at a time. Lifetime: outlived by the builder.
class RestPointsReader {
 public:
  RestPointsReader(PointsBuilder* builder, Direction direction);
  ~RestPointsReader();
  RestPointsReader(const RestPointsReader&) = delete;
  RestPointsReader& operator=(const RestPointsReader&) = delete;

  /// The whole reply of a scroll (`result.points`, `result.next_page_offset`) or of a retrieve (a
  /// list, or one record). `body` grows by the parser's padding and keeps its text.
  /// Errors: kCorrupt for text that is no such reply; kIncompatible for vectors that do not fit the
  /// schema, and for a null in one: REST prints NaN and infinities so, gRPC carries them.
  Result<PointsReply> reply(std::string* body);

  /// An upsert body in list form or in batch form, as a request has it or as the value of `upsert`
  /// in a batch of operations; each point gets `shard_key`. Errors: kUsage in Qdrant's words.
  Result<UpsertBody> upsert(std::string* body,
                            std::optional<std::string_view> shard_key = std::nullopt);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

struct RestUpsertOptions {
  std::string update_mode{};  ///< empty: not said
};

/// Write the body for rows from `first_row` on, as many as fit into `max_bytes` but at least one,
/// all under one shard key. Every point says its payload, `{}` for none, so that an old one goes.
/// Errors: kIncompatible naming the point for NaN or infinity in a vector, which JSON cannot say.
struct RestUpsert {
  std::string body{};
  int64_t next_row = 0;
  int64_t points = 0;
};
Result<RestUpsert> write_upsert(const PointsView& points, int64_t first_row, int64_t max_bytes,
                                const RestUpsertOptions& options);

/// Append one Record as a server prints it: `{"id":…,"payload":…,"vector":…,"shard_key":…}`.
/// `scored` puts `"version":…,"score":…` behind the id.
void append_record(const PointsView& points, int64_t row, Shown shown,
                   const std::optional<Score>& scored, std::string* out);

/// A point id as JSON.
void append_id(const PointId& id, std::string* out);

}  // namespace vecferry::wire
