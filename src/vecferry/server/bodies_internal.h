#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"
#include "vecferry/model/filter.h"
#include "vecferry/server/answers.h"

/// Small REST bodies into arguments. Errors: kUsage in Qdrant's words.
namespace vecferry::server {

using Json = nlohmann::json;

/// What is around a filter in a REST body, for the words of errors.
struct FilterPlace {
  std::string_view request{};  ///< such as "scroll_request."
  std::string_view body{};
};

/// The object in a body. Errors: "Format error in JSON body: …" for what is none.
Result<Json> parse_body(std::string_view body);

Status format_error(std::string what);

Result<ScrollArgs> read_scroll(std::string_view body);
Result<RetrieveArgs> read_retrieve(std::string_view body);
Result<CountArgs> read_count(std::string_view body);

/// `with_payload` and `with_vector` of a body, over what holds when they are not there.
Result<Selection> read_selection(const Json& body, Selection otherwise);

/// Null for an empty text. Errors: kUsage in Qdrant's words.
Result<std::shared_ptr<const Filter>> read_filter(std::string_view json,
                                                  const FilterPlace& place = {});

Result<PointId> read_point_id(const Json& json);
/// Of "points": ids. Errors: kUsage.
Result<std::vector<PointId>> read_point_ids(const Json& json);

Json id_json(const PointId& id);

/// JSON text of a value; text that is not UTF-8 has replacement characters.
std::string dump(const Json& json);

}  // namespace vecferry::server
