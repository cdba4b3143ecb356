#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/server/rest_routes_internal.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/rest_points.h"

namespace vecferry::server {
namespace {

Result<RestAnswer> one_point(RestCall& call, Collection& collection) {
  const std::string text(call.part(3));
  const auto id = parse_point_id(text);
  if (!id) {
    return wrong_input(fmt::format("Can not recognize \"{}\" as point id", text));
  }
  const Selection all{.payload = true, .vectors = true};
  ARROW_ASSIGN_OR_RAISE(const auto rows, collection.retrieve({.ids = {*id}, .selection = all}));
  if (rows.rows.empty()) {
    return no_point(to_string(*id));
  }
  std::string list;
  ARROW_RETURN_NOT_OK(append_records(rows, all, &list));
  return enveloped(call, std::string_view(list).substr(1, list.size() - 2));
}

Result<RestAnswer> scroll(RestCall& call, Collection& collection) {
  ARROW_ASSIGN_OR_RAISE(const auto args, read_scroll(call.request.body));
  ARROW_ASSIGN_OR_RAISE(const auto page, collection.scroll(args));
  std::string result = "{\"points\":[";
  for (const auto& part : page.parts) {
    std::string list;
    ARROW_RETURN_NOT_OK(append_records(part, args.selection, &list));
    if (list.size() > 2) {
      result.append(result.back() == '[' ? "" : ",").append(list, 1, list.size() - 2);
    }
  }
  result += "],\"next_page_offset\":";
  if (page.next) {
    wire::append_id(*page.next, &result);
  } else {
    result += "null";
  }
  return enveloped(call, result + "}");
}

Result<RestAnswer> retrieve(RestCall& call, Collection& collection) {
  ARROW_ASSIGN_OR_RAISE(const auto args, read_retrieve(call.request.body));
  ARROW_ASSIGN_OR_RAISE(const auto rows, collection.retrieve(args));
  std::string result;
  ARROW_RETURN_NOT_OK(append_records(rows, args.selection, &result));
  return enveloped(call, result);
}

}  // namespace

Status append_records(const Rows& rows, const Selection& selection, std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*rows.points));
  const wire::Shown shown{.payload = selection.payload, .vectors = selection.vectors};
  out->push_back('[');
  for (size_t i = 0; i < rows.rows.size(); ++i) {
    if (i > 0) {
      out->push_back(',');
    }
    std::optional<wire::Score> score;
    if (!rows.scores.empty()) {
      score = {.score = rows.scores[i].score, .version = rows.scores[i].version};
    }
    wire::append_record(view, rows.rows[i], shown, score, out);
    if (!rows.order_values.empty()) {
      out->pop_back();
      out->append(",\"order_value\":").append(rows.order_values[i]).push_back('}');
    }
  }
  out->push_back(']');
  return Status::OK();
}

Result<RestAnswer> point_routes(RestCall& call) {
  ARROW_ASSIGN_OR_RAISE(const auto collection, call.collections.find(call.part(1)));
  if (call.part(2) == "facet") {
    if (!call.is("POST", 3)) {
      return not_found();
    }
    ARROW_ASSIGN_OR_RAISE(const auto hits, collection->facet(call.request.body));
    return enveloped(call, hits);
  }
  const auto verb = call.part(3);
  if (call.is("GET", 4)) {
    return one_point(call, *collection);
  }
  if (call.is("POST", 3)) {
    return retrieve(call, *collection);
  }
  if (call.is("POST", 4) && verb == "scroll") {
    return scroll(call, *collection);
  }
  if (call.is("POST", 4) && verb == "count") {
    ARROW_ASSIGN_OR_RAISE(const auto args, read_count(call.request.body));
    ARROW_ASSIGN_OR_RAISE(const uint64_t count, collection->count(args));
    return enveloped(call, fmt::format(R"({{"count":{}}})", count));
  }
  constexpr std::array<std::string_view, 4> kSearches{"query", "search", "recommend", "discover"};
  if (call.method() == "POST" &&
      std::find(kSearches.begin(), kSearches.end(), verb) != kSearches.end()) {
    return search_routes(call, *collection);
  }
  return point_write_routes(call, *collection);
}

}  // namespace vecferry::server
