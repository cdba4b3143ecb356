#include "vecferry/ops/peek.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/ops/similarity_internal.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

struct Scored {
  float score = 0;
  PointId id{};
  Json json{};
};

// JSON has no NaN and no infinity; a look shows them as null, as the server does.
Json number(float value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json vector_json(const VectorColumn& column, int64_t row) {
  const QueryVector vector = take_vector(column, column.spec(), row);
  Json values = Json::array();
  if (vector.spec.kind == VectorKind::kMulti) {
    for (size_t i = 0; i < vector.values.size(); i += vector.spec.dim) {
      Json inner = Json::array();
      for (size_t j = 0; j < vector.spec.dim; ++j) {
        inner.push_back(number(vector.values[i + j]));
      }
      values.push_back(std::move(inner));
    }
    return values;
  }
  for (const float value : vector.values) {
    values.push_back(number(value));
  }
  if (vector.spec.kind == VectorKind::kSparse) {
    return {{"indices", vector.indices}, {"values", values}};
  }
  return values;
}

Json point_json(const PointsView& points, int64_t row, bool with_vectors) {
  const PointId id = points.id(row);
  Json json;
  json["id"] = id.is_uuid ? Json(to_string(id)) : Json(id.number);
  if (const auto key = points.shard_key(row)) {
    json["shard_key"] = *key;
  }
  const auto payload = points.payload(row);
  json["payload"] = payload.empty() ? Json::object() : Json::parse(payload, nullptr, false);
  if (with_vectors) {
    Json vectors = Json::object();
    for (const auto& column : points.vectors()) {
      if (column.present(row)) {
        vectors[column.spec().name] = vector_json(column, row);
      }
    }
    json["vectors"] = std::move(vectors);
  }
  return json;
}

Result<VectorSpec> choose_vector(const CollectionConfig& config,
                                 const std::optional<std::string>& name) {
  if (name) {
    return config.vector(*name);
  }
  if (config.vectors.empty()) {
    return fail({.kind = ErrorKind::kIncompatible, .what = "the collection has no vectors"});
  }
  if (config.vectors.size() == 1 || config.vectors.front().name.empty()) {
    return config.vectors.front();
  }
  std::string names;
  for (const auto& spec : config.vectors) {
    names += (names.empty() ? "" : ", ") + spec.name;
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = "the collection has several vectors",
               .next = fmt::format("choose one with --using: {}", names)});
}

const VectorColumn* find_column(const PointsView& points, std::string_view name) {
  for (const auto& column : points.vectors()) {
    if (column.spec().name == name) {
      return &column;
    }
  }
  return nullptr;
}

template <typename Visit>  // Status(const PointsView&, bool* done)
Status for_each_batch(const Source& source, const IdRange& range, const StopToken& stop,
                      const Visit& visit) {
  ARROW_ASSIGN_OR_RAISE(auto reader, open_source(source, range, stop));
  bool done = false;
  while (!done) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      break;
    }
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
    ARROW_RETURN_NOT_OK(visit(points, &done));
  }
  return Status::OK();
}

Result<QueryVector> find_query(const Source& source, const PointId& id, const VectorSpec& spec,
                               const StopToken& stop) {
  std::optional<QueryVector> found;
  bool seen = false;
  const IdRange range{.from = id, .to = successor(id)};
  ARROW_RETURN_NOT_OK(
      for_each_batch(source, range, stop, [&](const PointsView& points, bool* done) {
        const auto* column = find_column(points, spec.name);
        for (int64_t row = 0; row < points.rows() && !seen; ++row) {
          seen = points.id(row) == id;
          if (seen && column != nullptr && column->present(row)) {
            found = take_vector(*column, spec, row);
          }
        }
        *done = seen;
        return Status::OK();
      }));
  if (!found) {
    return fail(
        {.kind = ErrorKind::kNotFound,
         .what = seen ? fmt::format("point {} lacks {}", to_string(id), vector_label(spec.name))
                      : fmt::format("no point {}", to_string(id)),
         .where = fmt::format("collection '{}'", source.collection)});
  }
  return *found;
}

Result<std::vector<Json>> neighbours(const Source& source, const PeekOptions& options,
                                     const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto config, source.backend->describe(source.collection, stop));
  ARROW_ASSIGN_OR_RAISE(const auto spec, choose_vector(config, options.using_vector));
  ARROW_ASSIGN_OR_RAISE(const auto query, find_query(source, *options.near, spec, stop));
  const bool larger = larger_is_nearer(spec.distance) || spec.kind == VectorKind::kSparse;
  const auto nearer = [&](const Scored& a, const Scored& b) {
    if (a.score != b.score) {
      return larger ? a.score > b.score : a.score < b.score;
    }
    return a.id < b.id;
  };
  std::vector<Scored> best;  // a heap whose front is the worst of the best
  ARROW_RETURN_NOT_OK(for_each_batch(source, {}, stop, [&](const PointsView& points, bool*) {
    const auto* column = find_column(points, spec.name);
    for (int64_t row = 0; column != nullptr && row < points.rows(); ++row) {
      if (!column->present(row)) {
        continue;
      }
      Scored candidate{.score = score(query, take_vector(*column, spec, row)),
                       .id = points.id(row)};
      if (best.size() == options.limit && !nearer(candidate, best.front())) {
        continue;
      }
      if (best.size() == options.limit) {
        std::pop_heap(best.begin(), best.end(), nearer);
        best.pop_back();
      }
      candidate.json = point_json(points, row, options.with_vectors);
      candidate.json["score"] = number(candidate.score);
      best.push_back(std::move(candidate));
      std::push_heap(best.begin(), best.end(), nearer);
    }
    return Status::OK();
  }));
  std::sort(best.begin(), best.end(), nearer);
  std::vector<Json> points;
  points.reserve(best.size());
  for (auto& one : best) {
    points.push_back(std::move(one.json));
  }
  return points;
}

}  // namespace

Result<std::vector<Json>> peek(const Source& source, const PeekOptions& options, StopToken stop) {
  if (options.limit == 0) {
    return std::vector<Json>();
  }
  if (options.near) {
    return neighbours(source, options, stop);
  }
  std::vector<Json> found;
  ARROW_RETURN_NOT_OK(for_each_batch(source, {}, stop, [&](const PointsView& points, bool* done) {
    for (int64_t row = 0; row < points.rows() && found.size() < options.limit; ++row) {
      found.push_back(point_json(points, row, options.with_vectors));
    }
    *done = found.size() == options.limit;
    return Status::OK();
  }));
  return found;
}

}  // namespace vecferry
