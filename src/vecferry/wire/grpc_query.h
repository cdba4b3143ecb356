#pragma once

#include <string>

#include "vecferry/base/error.h"
#include "vecferry/model/point_id.h"

namespace qdrant {
class DiscoverPoints;
class FacetCounts;
class OrderBy;
class PointId;
class QueryPointGroups;
class QueryPoints;
class RecommendPointGroups;
class RecommendPoints;
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

/// The body of …/points/query/groups.
Result<std::string> query_groups_body_of(const qdrant::QueryPointGroups& message);
Result<std::string> query_groups_body_of(const qdrant::SearchPointGroups& message);
Result<std::string> query_groups_body_of(const qdrant::RecommendPointGroups& message);

/// The body of POST /collections/{c}/facet.
Result<std::string> facet_body_of(const qdrant::FacetCounts& message);

/// `order_by` of a scroll's body.
Result<std::string> order_by_of(const qdrant::OrderBy& message);

Result<PointId> point_id_of(const qdrant::PointId& message);

}  // namespace vecferry::wire
