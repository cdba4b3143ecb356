#pragma once

#include <string>

#include "vecferry/base/error.h"

namespace qdrant {
class DiscoverBatchPoints;
class DiscoverPoints;
class FacetCounts;
class QueryBatchPoints;
class QueryPointGroups;
class QueryPoints;
class RecommendBatchPoints;
class RecommendPointGroups;
class RecommendPoints;
class SearchBatchPoints;
class SearchPointGroups;
class SearchPoints;
}  // namespace qdrant

/// Searches over gRPC as the bodies of REST's `points/query`, for a server. The older calls
/// (search, recommend, discover) are queries of their kind. Errors: kUsage in Qdrant's words.
namespace vecferry::wire {

/// The body of POST /collections/{c}/points/query.
Result<std::string> query_body_of(const qdrant::QueryPoints& message);
Result<std::string> query_body_of(const qdrant::SearchPoints& message);
Result<std::string> query_body_of(const qdrant::RecommendPoints& message);
Result<std::string> query_body_of(const qdrant::DiscoverPoints& message);

/// The body of …/points/query/batch.
Result<std::string> query_batch_body_of(const qdrant::QueryBatchPoints& message);
Result<std::string> query_batch_body_of(const qdrant::SearchBatchPoints& message);
Result<std::string> query_batch_body_of(const qdrant::RecommendBatchPoints& message);
Result<std::string> query_batch_body_of(const qdrant::DiscoverBatchPoints& message);

/// The body of …/points/query/groups.
Result<std::string> query_groups_body_of(const qdrant::QueryPointGroups& message);
Result<std::string> query_groups_body_of(const qdrant::SearchPointGroups& message);
Result<std::string> query_groups_body_of(const qdrant::RecommendPointGroups& message);

/// The body of POST /collections/{c}/facet.
Result<std::string> facet_body_of(const qdrant::FacetCounts& message);

}  // namespace vecferry::wire
