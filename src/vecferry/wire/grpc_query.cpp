#include "vecferry/wire/grpc_query.h"

#include <fmt/format.h>
#include <points.pb.h>

#include <utility>

#include "vecferry/wire/formula_json_internal.h"
#include "vecferry/wire/message_json_internal.h"
#include "vecferry/wire/message_parts_internal.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;

Status below_one(std::string_view field) {
  return refuse_message(
      fmt::format("Validation error in body: [{}: value 0 invalid, must be 1 or larger]", field));
}

// ---- what a query asks for ----

Result<Json> input_json(const qdrant::VectorInput& input) {
  switch (input.variant_case()) {
    case qdrant::VectorInput::kId:
      return id_json(input.id());
    case qdrant::VectorInput::kDense:
      return dense_json(input.dense());
    case qdrant::VectorInput::kSparse:
      return sparse_json(input.sparse());
    case qdrant::VectorInput::kMultiDense:
      return multi_json(input.multi_dense());
    case qdrant::VectorInput::kDocument:
    case qdrant::VectorInput::kImage:
    case qdrant::VectorInput::kObject:
      return refuse_message(
          "Wrong input: inference of vectors from text, images or objects is not available here");
    case qdrant::VectorInput::VARIANT_NOT_SET:
      break;
  }
  return refuse_message("VectorInput variant is missing");
}

Result<Json> inputs_json(const google::protobuf::RepeatedPtrField<qdrant::VectorInput>& inputs) {
  Json list = Json::array();
  for (const auto& input : inputs) {
    ARROW_ASSIGN_OR_RAISE(Json json, input_json(input));
    list.push_back(std::move(json));
  }
  return list;
}

Json strategy_json(qdrant::RecommendStrategy strategy) {
  switch (strategy) {
    case qdrant::BestScore:
      return "best_score";
    case qdrant::SumScores:
      return "sum_scores";
    default:
      return "average_vector";
  }
}

Result<Json> recommend_json(const qdrant::RecommendInput& recommend) {
  Json json;
  ARROW_ASSIGN_OR_RAISE(json["positive"], inputs_json(recommend.positive()));
  ARROW_ASSIGN_OR_RAISE(json["negative"], inputs_json(recommend.negative()));
  if (recommend.has_strategy()) {
    json["strategy"] = strategy_json(recommend.strategy());
  }
  return json;
}

Result<Json> context_json(const qdrant::ContextInput& context) {
  Json list = Json::array();
  for (const auto& pair : context.pairs()) {
    if (!pair.has_positive()) {
      return refuse_message("ContextPair positive is missing");
    }
    if (!pair.has_negative()) {
      return refuse_message("ContextPair negative is missing");
    }
    Json json;
    ARROW_ASSIGN_OR_RAISE(json["positive"], input_json(pair.positive()));
    ARROW_ASSIGN_OR_RAISE(json["negative"], input_json(pair.negative()));
    list.push_back(std::move(json));
  }
  return list;
}

Result<Json> discover_json(const qdrant::DiscoverInput& discover) {
  if (!discover.has_target()) {
    return refuse_message("DiscoverInput target is missing");
  }
  if (!discover.has_context()) {
    return refuse_message("DiscoverInput context is missing");
  }
  Json json;
  ARROW_ASSIGN_OR_RAISE(json["target"], input_json(discover.target()));
  ARROW_ASSIGN_OR_RAISE(json["context"], context_json(discover.context()));
  return json;
}

Result<Json> mmr_json(const qdrant::NearestInputWithMmr& nearest) {
  if (!nearest.has_nearest()) {
    return refuse_message("nearest vector is missing");
  }
  if (!nearest.has_mmr()) {
    return refuse_message("mmr is missing");
  }
  Json json;
  ARROW_ASSIGN_OR_RAISE(json["nearest"], input_json(nearest.nearest()));
  ARROW_ASSIGN_OR_RAISE(json["mmr"], json_of(nearest.mmr()));
  return json;
}

Json rrf_json(const qdrant::Rrf& rrf) {
  Json json = Json::object();
  if (rrf.has_k()) {
    json["k"] = rrf.k();
  }
  if (rrf.weights_size() > 0) {
    json["weights"] = floats_json(rrf.weights());
  }
  return json;
}

Result<Json> feedback_json(const qdrant::RelevanceFeedbackInput& feedback) {
  Json json = {{"feedback", Json::array()}};
  ARROW_ASSIGN_OR_RAISE(json["target"], input_json(feedback.target()));
  for (const auto& item : feedback.feedback()) {
    ARROW_ASSIGN_OR_RAISE(Json example, input_json(item.example()));
    json["feedback"].push_back(
        Json{{"example", std::move(example)}, {"score", static_cast<double>(item.score())}});
  }
  ARROW_ASSIGN_OR_RAISE(json["strategy"], json_of(feedback.strategy()));
  return json;
}

Result<Json> under(const char* name, Result<Json> value) {
  ARROW_ASSIGN_OR_RAISE(Json inner, std::move(value));
  return Json{{name, std::move(inner)}};
}

Result<Json> query_json(const qdrant::Query& query) {
  switch (query.variant_case()) {
    case qdrant::Query::kNearest:
      return under("nearest", input_json(query.nearest()));
    case qdrant::Query::kRecommend:
      return under("recommend", recommend_json(query.recommend()));
    case qdrant::Query::kDiscover:
      return under("discover", discover_json(query.discover()));
    case qdrant::Query::kContext:
      return under("context", context_json(query.context()));
    case qdrant::Query::kOrderBy:
      return under("order_by", order_by_json(query.order_by()));
    case qdrant::Query::kFusion:
      return Json{{"fusion", query.fusion() == qdrant::DBSF ? "dbsf" : "rrf"}};
    case qdrant::Query::kSample:
      return Json{{"sample", "random"}};
    case qdrant::Query::kFormula:
      return formula_json(query.formula());
    case qdrant::Query::kNearestWithMmr:
      return mmr_json(query.nearest_with_mmr());
    case qdrant::Query::kRrf:
      return under("rrf", rrf_json(query.rrf()));
    case qdrant::Query::kRelevanceFeedback:
      return under("relevance_feedback", feedback_json(query.relevance_feedback()));
    case qdrant::Query::VARIANT_NOT_SET:
      break;
  }
  return refuse_message("Query variant is missing");
}

// ---- what stands around it, in whichever message ----

Result<Json> lookup_json(const qdrant::LookupLocation& lookup) {
  Json json = {{"collection", lookup.collection_name()}};
  if (lookup.has_vector_name()) {
    json["vector"] = lookup.vector_name();
  }
  if (lookup.has_shard_key_selector()) {
    ARROW_ASSIGN_OR_RAISE(json["shard_key"], shard_key_json(lookup.shard_key_selector()));
  }
  return json;
}

template <typename Message>
Status add_filter(const Message& message, Json* body) {
  if (message.has_filter()) {
    ARROW_ASSIGN_OR_RAISE((*body)["filter"], filter_json(message.filter()));
  }
  return Status::OK();
}

template <typename Message>
Status add_params(const Message& message, Json* body) {
  if (message.has_params()) {
    ARROW_ASSIGN_OR_RAISE((*body)["params"], json_of(message.params()));
  }
  return Status::OK();
}

template <typename Message>
void add_threshold(const Message& message, Json* body) {
  if (message.has_score_threshold()) {
    (*body)["score_threshold"] = static_cast<double>(message.score_threshold());
  }
}

template <typename Message>
Status add_selectors(const Message& message, Json* body) {
  if (message.has_with_payload()) {
    (*body)["with_payload"] = with_payload_json(message.with_payload());
  }
  if (message.has_with_vectors()) {
    (*body)["with_vector"] = with_vectors_json(message.with_vectors());
  }
  if (message.has_shard_key_selector()) {
    ARROW_ASSIGN_OR_RAISE((*body)["shard_key"], shard_key_json(message.shard_key_selector()));
  }
  return Status::OK();
}

template <typename Message>
Status add_lookup(const Message& message, Json* body) {
  if (message.has_lookup_from()) {
    ARROW_ASSIGN_OR_RAISE((*body)["lookup_from"], lookup_json(message.lookup_from()));
  }
  return Status::OK();
}

// The fields that the messages of all kinds of search have.
template <typename Message>
Status add_common(const Message& message, Json* body) {
  ARROW_RETURN_NOT_OK(add_filter(message, body));
  ARROW_RETURN_NOT_OK(add_params(message, body));
  return add_selectors(message, body);
}

// The fields of everything that is a query or a part of one.
template <typename Message>
Status add_query(const Message& message, Json* body) {
  if (message.has_query()) {
    ARROW_ASSIGN_OR_RAISE((*body)["query"], query_json(message.query()));
  }
  if (message.has_using_()) {
    (*body)["using"] = message.using_();
  }
  if (message.has_limit()) {
    if (message.limit() == 0) {
      return below_one("limit");
    }
    (*body)["limit"] = message.limit();
  }
  add_threshold(message, body);
  return add_lookup(message, body);
}

Result<Json> prefetch_json(const qdrant::PrefetchQuery& prefetch);

Status add_prefetches(const google::protobuf::RepeatedPtrField<qdrant::PrefetchQuery>& prefetches,
                      Json* body) {
  for (const auto& prefetch : prefetches) {
    ARROW_ASSIGN_OR_RAISE(Json json, prefetch_json(prefetch));
    (*body)["prefetch"].push_back(std::move(json));
  }
  return Status::OK();
}

Result<Json> prefetch_json(const qdrant::PrefetchQuery& prefetch) {
  Json body = Json::object();
  ARROW_RETURN_NOT_OK(add_prefetches(prefetch.prefetch(), &body));
  ARROW_RETURN_NOT_OK(add_query(prefetch, &body));
  ARROW_RETURN_NOT_OK(add_filter(prefetch, &body));
  ARROW_RETURN_NOT_OK(add_params(prefetch, &body));
  return body;
}

Result<Json> body_of(const qdrant::QueryPoints& message) {
  Json body = Json::object();
  ARROW_RETURN_NOT_OK(add_prefetches(message.prefetch(), &body));
  ARROW_RETURN_NOT_OK(add_query(message, &body));
  ARROW_RETURN_NOT_OK(add_common(message, &body));
  if (message.has_offset()) {
    body["offset"] = message.offset();
  }
  return body;
}

// ---- the older calls ----

template <typename Message>
Status add_limits(const Message& message, Json* body) {
  if (message.limit() == 0) {
    return below_one("limit");
  }
  (*body)["limit"] = message.limit();
  return Status::OK();
}

template <typename Message>
Status add_offset(const Message& message, Json* body) {
  if (message.has_offset()) {
    (*body)["offset"] = message.offset();
  }
  return Status::OK();
}

template <typename Message>
Status add_search(const Message& message, Json* body) {
  Json vector = floats_json(message.vector());
  if (message.has_sparse_indices()) {
    Json indices = Json::array();
    for (const uint32_t index : message.sparse_indices().data()) {
      indices.push_back(index);
    }
    vector = Json{{"indices", std::move(indices)}, {"values", std::move(vector)}};
  }
  (*body)["query"]["nearest"] = std::move(vector);
  if (message.has_vector_name()) {
    (*body)["using"] = message.vector_name();
  }
  add_threshold(message, body);
  ARROW_RETURN_NOT_OK(add_limits(message, body));
  return add_common(message, body);
}

Result<Json> body_of(const qdrant::SearchPoints& message) {
  Json body = Json::object();
  ARROW_RETURN_NOT_OK(add_search(message, &body));
  ARROW_RETURN_NOT_OK(add_offset(message, &body));
  return body;
}

Result<Json> examples_json(const google::protobuf::RepeatedPtrField<qdrant::PointId>& ids,
                           const google::protobuf::RepeatedPtrField<qdrant::Vector>& vectors) {
  ARROW_ASSIGN_OR_RAISE(Json list, ids_json(ids));
  for (const auto& vector : vectors) {
    ARROW_ASSIGN_OR_RAISE(Json json, vector_json(vector));
    list.push_back(std::move(json));
  }
  return list;
}

template <typename Message>
Status add_recommend(const Message& message, Json* body) {
  auto& recommend = (*body)["query"]["recommend"];
  ARROW_ASSIGN_OR_RAISE(recommend["positive"],
                        examples_json(message.positive(), message.positive_vectors()));
  ARROW_ASSIGN_OR_RAISE(recommend["negative"],
                        examples_json(message.negative(), message.negative_vectors()));
  if (message.has_strategy()) {
    recommend["strategy"] = strategy_json(message.strategy());
  }
  add_threshold(message, body);
  if (message.has_using_()) {
    (*body)["using"] = message.using_();
  }
  ARROW_RETURN_NOT_OK(add_limits(message, body));
  ARROW_RETURN_NOT_OK(add_lookup(message, body));
  return add_common(message, body);
}

Result<Json> body_of(const qdrant::RecommendPoints& message) {
  Json body = Json::object();
  ARROW_RETURN_NOT_OK(add_recommend(message, &body));
  ARROW_RETURN_NOT_OK(add_offset(message, &body));
  return body;
}

Result<Json> example_json(const qdrant::VectorExample& example) {
  if (example.has_id()) {
    return id_json(example.id());
  }
  if (example.has_vector()) {
    return vector_json(example.vector());
  }
  return refuse_message("VectorExample example is missing");
}

Result<Json> body_of(const qdrant::DiscoverPoints& message) {
  Json body = Json::object();
  Json context = Json::array();
  for (const auto& pair : message.context()) {
    Json json;
    ARROW_ASSIGN_OR_RAISE(json["positive"], example_json(pair.positive()));
    ARROW_ASSIGN_OR_RAISE(json["negative"], example_json(pair.negative()));
    context.push_back(std::move(json));
  }
  if (message.has_target()) {
    auto& discover = body["query"]["discover"];
    ARROW_ASSIGN_OR_RAISE(discover["target"], example_json(message.target().single()));
    discover["context"] = std::move(context);
  } else {
    body["query"]["context"] = std::move(context);
  }
  if (message.has_using_()) {
    body["using"] = message.using_();
  }
  ARROW_RETURN_NOT_OK(add_limits(message, &body));
  ARROW_RETURN_NOT_OK(add_lookup(message, &body));
  ARROW_RETURN_NOT_OK(add_common(message, &body));
  ARROW_RETURN_NOT_OK(add_offset(message, &body));
  return body;
}

template <typename Message>
Result<std::string> text_of(const Message& message) {
  ARROW_ASSIGN_OR_RAISE(const Json body, body_of(message));
  return body_text(body);
}

template <typename Message>
Status add_groups(const Message& message, Json* body) {
  if (message.group_by().empty()) {
    return refuse_message(
        "Validation error in body: [group_by: length 0 invalid, must be 1 or "
        "larger]");
  }
  (*body)["group_by"] = message.group_by();
  if (!message.has_with_lookup()) {
    return Status::OK();
  }
  auto& lookup = (*body)["with_lookup"];
  lookup["collection"] = message.with_lookup().collection();
  if (message.with_lookup().has_with_payload()) {
    lookup["with_payload"] = with_payload_json(message.with_lookup().with_payload());
  }
  if (message.with_lookup().has_with_vectors()) {
    lookup["with_vectors"] = with_vectors_json(message.with_lookup().with_vectors());
  }
  return Status::OK();
}

// Of the older calls, where no size is zero.
template <typename Message>
Result<std::string> old_groups_text(const Message& message, Json body) {
  if (message.group_size() == 0) {
    return below_one("group_size");
  }
  body["group_size"] = message.group_size();
  ARROW_RETURN_NOT_OK(add_groups(message, &body));
  return body_text(body);
}

}  // namespace

Result<std::string> query_body_of(const qdrant::QueryPoints& message) {
  return text_of(message);
}
Result<std::string> query_body_of(const qdrant::SearchPoints& message) {
  return text_of(message);
}
Result<std::string> query_body_of(const qdrant::RecommendPoints& message) {
  return text_of(message);
}
Result<std::string> query_body_of(const qdrant::DiscoverPoints& message) {
  return text_of(message);
}

Result<std::string> query_groups_body_of(const qdrant::QueryPointGroups& message) {
  Json body = Json::object();
  ARROW_RETURN_NOT_OK(add_prefetches(message.prefetch(), &body));
  ARROW_RETURN_NOT_OK(add_query(message, &body));
  ARROW_RETURN_NOT_OK(add_common(message, &body));
  if (message.has_group_size()) {
    if (message.group_size() == 0) {
      return below_one("group_size");
    }
    body["group_size"] = message.group_size();
  }
  ARROW_RETURN_NOT_OK(add_groups(message, &body));
  return body_text(body);
}
Result<std::string> query_groups_body_of(const qdrant::SearchPointGroups& message) {
  Json body = Json::object();
  ARROW_RETURN_NOT_OK(add_search(message, &body));
  return old_groups_text(message, std::move(body));
}
Result<std::string> query_groups_body_of(const qdrant::RecommendPointGroups& message) {
  Json body = Json::object();
  ARROW_RETURN_NOT_OK(add_recommend(message, &body));
  return old_groups_text(message, std::move(body));
}

Result<std::string> facet_body_of(const qdrant::FacetCounts& message) {
  Json body = {{"key", message.key()}};
  if (message.has_limit()) {
    if (message.limit() == 0) {
      return below_one("limit");
    }
    body["limit"] = message.limit();
  }
  if (message.has_exact()) {
    body["exact"] = message.exact();
  }
  ARROW_RETURN_NOT_OK(add_filter(message, &body));
  if (message.has_shard_key_selector()) {
    ARROW_ASSIGN_OR_RAISE(body["shard_key"], shard_key_json(message.shard_key_selector()));
  }
  return body_text(body);
}

Result<std::string> order_by_of(const qdrant::OrderBy& message) {
  ARROW_ASSIGN_OR_RAISE(const Json json, order_by_json(message));
  return body_text(json);
}

Result<PointId> point_id_of(const qdrant::PointId& message) {
  if (message.has_num()) {
    return PointId::of(message.num());
  }
  ARROW_RETURN_NOT_OK(id_json(message).status());
  return PointId::of(parse_uuid(message.uuid()).value_or(Uuid{}));
}

}  // namespace vecferry::wire
