#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/point_id.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/wire/direction.h"

/// Points between encoded gRPC messages and batches, both ways at both ends. Bytes go straight from
/// the message into column buffers and back; no generated message is built, so a caller sends and
/// receives raw bytes (a generic stub, `grpc::ByteBuffer`).
/// Source: proto/points.proto.
namespace vecferry::wire {

/// What stands around the points of a reply.
struct PointsReply {
  int64_t points = 0;
  std::optional<PointId> next_page{};  ///< of a scroll; none at the end
  /// Points with a whole payload float from 2^63 to 2^64. It may have been an integer, which gRPC
  /// turns into a float: read these again over REST.
  std::vector<PointId> doubtful{};
};

/// What stands around the points of an upsert request.
struct UpsertHead {
  std::string collection{};
  bool wait = false;
  std::vector<std::string> shard_keys{};  ///< as column text (model/shard_key.h)
  std::string update_filter{};            ///< an encoded `Filter`; empty: none
  int update_mode = 0;                    ///< `UpdateMode`
  int64_t points = 0;
};

/// What a query's reply says beside the points.
struct ScoredReply {
  int64_t points = 0;
  std::vector<float> scores{};       ///< one a point
  std::vector<uint64_t> versions{};  ///< one a point
};

/// Appends points to a builder. After an error the builder holds half a point: throw it away.
/// Vectors of both forms are read: the oneof (since 1.17) and the deprecated fields.
/// Thread: one caller at a time. Lifetime: outlived by the builder.
class PointsDecoder {
 public:
  PointsDecoder(PointsBuilder* builder, Direction direction);
  ~PointsDecoder();
  PointsDecoder(const PointsDecoder&) = delete;
  PointsDecoder& operator=(const PointsDecoder&) = delete;

  /// Errors: kCorrupt for bytes that are no such message; kIncompatible for vectors that do not fit
  /// the builder's schema.
  Result<PointsReply> scroll_response(std::string_view message);
  Result<PointsReply> get_response(std::string_view message);
  /// The page that follows a scroll's reply, whose points are not looked at: its request can go out
  /// before this one is decoded. None at the end. Errors: kCorrupt.
  Result<std::optional<PointId>> next_page_of(std::string_view scroll_response) const;
  /// Of a query or of one of the older searches, whose replies are alike.
  Result<ScoredReply> query_response(std::string_view message);

  /// Points of an UpsertPoints, for a server; each gets every shard key of the builder's caller.
  /// Errors: kUsage in Qdrant's words for a point that Qdrant would refuse.
  Status upsert_points(std::string_view message, std::optional<std::string_view> shard_key = {});
  /// One PointStruct, as UpdateBatchPoints has them too.
  Status point_struct(std::string_view message, std::optional<std::string_view> shard_key = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Errors: kCorrupt.
Result<UpsertHead> read_upsert_head(std::string_view message);

struct UpsertOptions {
  std::string collection{};
  bool wait = true;
  bool oneof_vectors = true;  ///< the form of servers from 1.12.2 on; else the deprecated fields
  std::optional<int> ordering{};     ///< `WriteOrderingType`
  std::optional<int> update_mode{};  ///< `UpdateMode`, from 1.17
};

struct EncodedUpsert {
  std::string message{};  ///< empty when no point of the rows looked at could be taken
  int64_t next_row = 0;   ///< first row that is not in it
  int64_t points = 0;
  /// Rows with a payload integer above 2^63-1, which only REST can carry; not in the message.
  std::vector<int64_t> for_rest{};
};

/// Encode rows from `first_row` on, as many as fit into `max_bytes` but at least one, all under one
/// shard key. A point without vectors says so with an empty map. An empty payload cannot be told
/// from an absent one: before 1.19 a server keeps what an existing point had.
/// Errors: kIncompatible naming the point for a payload nested too deep.
Result<EncodedUpsert> encode_upsert(const PointsView& points, int64_t first_row, int64_t max_bytes,
                                    const UpsertOptions& options);

/// What a server's reply shows of a point.
struct Shown {
  bool payload = true;
  bool vectors = true;
};

/// What a query says of a point.
struct Score {
  float score = 0;
  uint64_t version = 0;
};

/// Rows of a reply, in its order.
struct ReplyRows {
  std::span<const int64_t> rows{};
  Shown shown{};
  /// JSON numbers by which the points are ordered, one a row; empty: none.
  std::span<const std::string> order_values{};
};

/// Append RetrievedPoints as field `field` of the reply that `*out` is becoming; for a server.
/// Payload integers above 2^63-1 become floats, as Qdrant makes them.
Status append_retrieved_points(const PointsView& points, const ReplyRows& reply, uint32_t field,
                               std::string* out);

/// The same as ScoredPoints, one score a row.
Status append_scored_points(const PointsView& points, const ReplyRows& reply,
                            std::span<const Score> scores, uint32_t field, std::string* out);

/// Append a PointGroup to a GroupsResult. `id` is JSON: a string or an integer.
Status append_group(std::string_view id, const PointsView& points, const ReplyRows& reply,
                    std::span<const Score> scores, std::string* groups);

/// Append what a scroll's reply has before its points.
void append_next_page(const PointId& next_page, std::string* out);
/// Append a part that is a message of its own, such as one answer of a batch.
void append_part(uint32_t field, std::string_view message, std::string* out);
/// Append `time`, which is field 3 of a scroll's reply and 2 of the others.
void append_time(uint32_t field, double seconds, std::string* out);

/// A whole ScrollResponse; `seconds` is its `time`.
Result<std::string> encode_scroll_response(const PointsView& points, Shown shown,
                                           const std::optional<PointId>& next_page, double seconds);
Result<std::string> encode_get_response(const PointsView& points, Shown shown, double seconds);

}  // namespace vecferry::wire
