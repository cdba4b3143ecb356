#include <points.pb.h>

#include <array>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/server/grpc_methods_internal.h"
#include "vecferry/server/grpc_selection_internal.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/grpc_filter.h"
#include "vecferry/wire/grpc_query.h"
#include "vecferry/wire/grpc_replies.h"

namespace vecferry::server {
namespace {

constexpr uint32_t kResult = 1;  // of every reply but a scroll's
constexpr uint32_t kTime = 2;
constexpr uint32_t kScrollResult = 2;
constexpr uint32_t kScrollTime = 3;

template <typename Message>
Result<std::string> filter_of(const Message& message) {
  return message.has_filter() ? wire::filter_json_of(message.filter()) : std::string();
}

Status append_retrieved(const Rows& rows, wire::Shown shown, uint32_t field, std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*rows.points));
  // A page that grows as it is written is copied and faulted in twice over.
  constexpr size_t kBesideVectors = 128;
  out->reserve(out->size() + static_cast<size_t>(batch_bytes(*rows.points)) +
               kBesideVectors * rows.rows.size());
  return wire::append_retrieved_points(
      points, {.rows = rows.rows, .shown = shown, .order_values = rows.order_values}, field, out);
}

// Points of a ranking as the ScoredPoints that are field 1 of every message that has them.
Status append_scored(const Rows& rows, wire::Shown shown, std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*rows.points));
  std::vector<wire::Score> scores;
  scores.reserve(rows.scores.size());
  for (const auto& score : rows.scores) {
    scores.push_back({.score = score.score, .version = score.version});
  }
  return wire::append_scored_points(
      points, {.rows = rows.rows, .shown = shown, .order_values = rows.order_values}, scores,
      kResult, out);
}

Result<std::string> scroll(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::ScrollPoints>(request.bytes));
  if (message.has_limit() && message.limit() == 0) {
    return fail(
        {.kind = ErrorKind::kUsage,
         .what = "Validation error in body: [limit: value 0 invalid, must be 1 or larger]"});
  }
  ScrollArgs args{.selection = selection_of(message, true)};
  if (message.has_limit()) {
    args.limit = message.limit();
  }
  if (message.has_offset()) {
    ARROW_ASSIGN_OR_RAISE(args.offset, wire::point_id_of(message.offset()));
  }
  if (message.has_order_by()) {
    ARROW_ASSIGN_OR_RAISE(args.order_by, wire::order_by_of(message.order_by()));
  }
  ARROW_ASSIGN_OR_RAISE(args.filter, filter_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  ARROW_ASSIGN_OR_RAISE(const auto page, collection->scroll(args));
  std::string reply;
  if (page.next) {
    wire::append_next_page(*page.next, &reply);
  }
  for (const auto& part : page.parts) {
    ARROW_RETURN_NOT_OK(append_retrieved(part, shown_of(args.selection), kScrollResult, &reply));
  }
  wire::append_time(kScrollTime, request.seconds(), &reply);
  return reply;
}

Result<std::string> get(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::GetPoints>(request.bytes));
  RetrieveArgs args{.selection = selection_of(message, false)};
  for (const auto& id : message.ids()) {
    ARROW_ASSIGN_OR_RAISE(const auto point, wire::point_id_of(id));
    args.ids.push_back(point);
  }
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  ARROW_ASSIGN_OR_RAISE(const auto rows, collection->retrieve(args));
  std::string reply;
  ARROW_RETURN_NOT_OK(append_retrieved(rows, shown_of(args.selection), kResult, &reply));
  wire::append_time(kTime, request.seconds(), &reply);
  return reply;
}

Result<std::string> count(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::CountPoints>(request.bytes));
  CountArgs args{.exact = !message.has_exact() || message.exact()};
  ARROW_ASSIGN_OR_RAISE(args.filter, filter_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  qdrant::CountResponse reply;
  ARROW_ASSIGN_OR_RAISE(const uint64_t points, collection->count(args));
  reply.mutable_result()->set_count(points);
  return finish(request, &reply);
}

// The ranking that one message asks for, as field 1 of a reply.
template <typename Message>
Status append_ranking(const GrpcRequest& request, const std::string& name, const Message& message,
                      std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::query_body_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(name));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  ARROW_ASSIGN_OR_RAISE(const auto rows, collection->query(body));
  return append_scored(rows, shown_of(selection_of(message, false)), out);
}

// Query, and the older searches of one kind.
template <typename Message>
Result<std::string> ranking(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<Message>(request.bytes));
  std::string reply;
  ARROW_RETURN_NOT_OK(append_ranking(request, message.collection_name(), message, &reply));
  wire::append_time(kTime, request.seconds(), &reply);
  return reply;
}

template <typename Messages>
Result<std::string> rankings(const GrpcRequest& request, const std::string& name,
                             const Messages& messages) {
  ARROW_RETURN_NOT_OK(request.collections.find(name).status());
  std::string reply;
  std::string one;
  for (const auto& message : messages) {
    one.clear();
    ARROW_RETURN_NOT_OK(append_ranking(request, name, message, &one));
    wire::append_part(kResult, one, &reply);
  }
  wire::append_time(kTime, request.seconds(), &reply);
  return reply;
}

Result<std::string> query_batch(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::QueryBatchPoints>(request.bytes));
  return rankings(request, message.collection_name(), message.query_points());
}
Result<std::string> search_batch(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::SearchBatchPoints>(request.bytes));
  return rankings(request, message.collection_name(), message.search_points());
}
Result<std::string> recommend_batch(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::RecommendBatchPoints>(request.bytes));
  return rankings(request, message.collection_name(), message.recommend_points());
}
Result<std::string> discover_batch(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message,
                        read_message<qdrant::DiscoverBatchPoints>(request.bytes));
  return rankings(request, message.collection_name(), message.discover_points());
}

template <typename Message>
Result<std::string> groups(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<Message>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::query_groups_body_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  ARROW_ASSIGN_OR_RAISE(const auto found, collection->query_groups(body));
  const auto shown = shown_of(selection_of(message, false));
  std::string all;
  for (const auto& group : found) {
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*group.hits.points));
    std::vector<wire::Score> scores;
    for (const auto& score : group.hits.scores) {
      scores.push_back({.score = score.score, .version = score.version});
    }
    ARROW_RETURN_NOT_OK(wire::append_group(
        group.id, points, {.rows = group.hits.rows, .shown = shown}, scores, &all));
  }
  std::string reply;
  wire::append_part(kResult, all, &reply);
  wire::append_time(kTime, request.seconds(), &reply);
  return reply;
}

Result<std::string> facet(const GrpcRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const auto message, read_message<qdrant::FacetCounts>(request.bytes));
  ARROW_ASSIGN_OR_RAISE(const auto body, wire::facet_body_of(message));
  ARROW_ASSIGN_OR_RAISE(const auto collection, request.collections.find(message.collection_name()));
  ARROW_RETURN_NOT_OK(check_no_shard_key(message));
  ARROW_ASSIGN_OR_RAISE(const auto hits, collection->facet(body));
  qdrant::FacetResponse reply;
  ARROW_RETURN_NOT_OK(wire::fill(hits, &reply));
  return finish(request, &reply);
}

Result<std::string> matrix(const GrpcRequest&) {
  return not_served("distance matrices");
}

constexpr std::array<GrpcMethod, 17> kMethods{{
    {"/qdrant.Points/Scroll", scroll},
    {"/qdrant.Points/Get", get},
    {"/qdrant.Points/Count", count},
    {"/qdrant.Points/Query", ranking<qdrant::QueryPoints>},
    {"/qdrant.Points/QueryBatch", query_batch},
    {"/qdrant.Points/QueryGroups", groups<qdrant::QueryPointGroups>},
    {"/qdrant.Points/Search", ranking<qdrant::SearchPoints>},
    {"/qdrant.Points/SearchBatch", search_batch},
    {"/qdrant.Points/SearchGroups", groups<qdrant::SearchPointGroups>},
    {"/qdrant.Points/Recommend", ranking<qdrant::RecommendPoints>},
    {"/qdrant.Points/RecommendBatch", recommend_batch},
    {"/qdrant.Points/RecommendGroups", groups<qdrant::RecommendPointGroups>},
    {"/qdrant.Points/Discover", ranking<qdrant::DiscoverPoints>},
    {"/qdrant.Points/DiscoverBatch", discover_batch},
    {"/qdrant.Points/Facet", facet},
    {"/qdrant.Points/SearchMatrixPairs", matrix},
    {"/qdrant.Points/SearchMatrixOffsets", matrix},
}};

}  // namespace

std::span<const GrpcMethod> grpc_points_read_methods() {
  return kMethods;
}

}  // namespace vecferry::server
