#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/model/point_id.h"

/// What operations take and give, in types that REST and gRPC both can say.
namespace vecferry::server {

/// Which parts of a point are asked for.
struct Selection {
  bool payload = true;
  std::vector<std::string> include{};  ///< payload paths; empty: all
  std::vector<std::string> exclude{};  ///< payload paths, when `include` is empty
  bool vectors = false;
  std::optional<std::vector<std::string>> vector_names{};  ///< of `vectors`; none: all
};

struct ScrollArgs {
  std::optional<PointId> offset{};  ///< the first id that may come
  std::optional<uint64_t> limit{};  ///< none: 10
  std::string filter{};             ///< filter JSON; empty: all points
  Selection selection{};
  std::string order_by{};  ///< JSON as in REST, a path or an object; empty: by id
};

struct RetrieveArgs {
  std::vector<PointId> ids{};
  Selection selection{.payload = false};
};

struct CountArgs {
  std::string filter{};
  bool exact = true;
};

struct Score {
  float score = 0;  ///< NaN where it is none
  uint64_t version = 0;
};

/// Points of one batch in the order of the answer. A batch has the columns that were asked for.
struct Rows {
  std::shared_ptr<arrow::RecordBatch> points{};
  std::vector<int64_t> rows{};
  std::vector<Score> scores{};  ///< of a query: one a row; else empty
  std::vector<std::string>
      order_values{};  ///< of an order_by: one a row, a JSON number; else empty
};

struct ScrollPage {
  std::vector<Rows> parts{};
  std::optional<PointId> next{};  ///< none at the end, and with order_by
};

struct Group {
  std::string id{};  ///< JSON: a string or an integer
  Rows hits{};
};

struct UpdateResult {
  uint64_t operation_id = 0;
  bool completed = true;  ///< false: acknowledged, as who does not wait hears
};

enum class UpdateMode { kUpsert, kInsertOnly, kUpdateOnly };

struct UpsertArgs {
  UpdateMode mode = UpdateMode::kUpsert;
  std::string filter{};  ///< existing points that do not match are left alone; empty: none
  bool wait = true;
};

}  // namespace vecferry::server
