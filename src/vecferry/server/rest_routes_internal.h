#pragma once

#include <string>
#include <string_view>

#include "vecferry/server/bodies_internal.h"
#include "vecferry/server/collections.h"
#include "vecferry/server/rest_routes.h"

/// What the files of routes share. A route gives the text of `result`, or a whole answer.
namespace vecferry::server {

struct RestCall {
  Collections& collections;
  RestRequest& request;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

  std::string_view method() const { return request.method; }
  size_t parts() const { return request.path.size(); }
  std::string_view part(size_t index) const {
    return index < request.path.size() ? std::string_view(request.path[index]) : std::string_view();
  }
  bool is(std::string_view wanted_method, size_t wanted_parts) const {
    return method() == wanted_method && parts() == wanted_parts;
  }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  }
  /// A query parameter that is `true` or `false`. Errors: kUsage.
  Result<bool> flag(const char* name, bool otherwise) const;
  /// Errors: kRefused for a key that only reads.
  Status need_write(std::string_view collection) const;
  Status need_manage() const;
};

RestAnswer enveloped(const RestCall& call, std::string_view result);
RestAnswer text(std::string body);
/// No such route.
RestAnswer not_found();
inline RestAnswer flag_answer(const RestCall& call, bool flag) {
  return enveloped(call, flag ? "true" : "false");
}

/// Append a batch's rows as a list of records.
Status append_records(const Rows& rows, const Selection& selection, std::string* out);

// By topic; `call.request.path` is the whole path.
Result<RestAnswer> service_routes(RestCall& call);
Result<RestAnswer> collection_routes(RestCall& call);  ///< /collections/{c} and settings
Result<RestAnswer> alias_routes(RestCall& call);
Result<RestAnswer> index_routes(RestCall& call);  ///< /collections/{c}/index…
Result<RestAnswer> point_routes(RestCall& call);  ///< /collections/{c}/points…, facet
Result<RestAnswer> point_write_routes(RestCall& call, Collection& collection);
Result<RestAnswer> search_routes(RestCall& call, Collection& collection);
Result<RestAnswer> snapshot_routes(RestCall& call);  ///< …/snapshots…, …/shards/{id}/snapshot…

}  // namespace vecferry::server
