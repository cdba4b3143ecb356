#include "vecferry/ops/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"

namespace vecferry {
namespace {

using Json = nlohmann::json;

struct Picture {
  Json payload = Json::object();
  std::map<std::string, std::string> vectors{};  // by name: kind and raw bytes
};

std::string raw_bytes(const VectorColumn& column, int64_t row) {
  const auto append = [](std::string& out, const void* data, size_t size) {
    out.append(static_cast<const char*>(data), size);
  };
  std::string bytes(to_string(column.spec().kind));
  bytes += to_string(column.spec().element);
  if (column.spec().kind == VectorKind::kSparse) {
    const auto indices = column.indices(row);
    const auto values = column.values(row);
    append(bytes, indices.data(), indices.size_bytes());
    append(bytes, values.data(), values.size_bytes());
  } else {
    const auto elements = column.elements(row);
    append(bytes, elements.data(), elements.size());
  }
  return bytes;
}

Result<std::map<PointId, Picture>> pictures(const Source& source, const std::vector<PointId>& ids,
                                            const StopToken& stop) {
  Json wanted = Json::array();
  for (const auto& id : ids) {
    wanted.push_back(id.is_uuid ? Json(to_string(id)) : Json(id.number));
  }
  const Json condition = {{"has_id", wanted}};
  const Json filter = {{"must", {condition}}};
  Source chosen{.backend = source.backend,
                .collection = source.collection,
                .vectors = source.vectors,
                .payload = source.payload};
  ARROW_ASSIGN_OR_RAISE(chosen.filter, Filter::parse(filter.dump()));
  for (const auto& transform : source.transforms) {
    chosen.transforms.push_back(transform->clone());
  }
  ARROW_ASSIGN_OR_RAISE(auto reader, open_source(chosen, {}, stop));
  std::map<PointId, Picture> found;
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return found;
    }
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
    for (int64_t row = 0; row < points.rows(); ++row) {
      Picture& picture = found[points.id(row)];
      if (const auto payload = points.payload(row); !payload.empty()) {
        picture.payload = Json::parse(payload, nullptr, false);
      }
      for (const auto& column : points.vectors()) {
        if (column.present(row)) {
          picture.vectors[column.spec().name] = raw_bytes(column, row);
        }
      }
    }
  }
}

std::vector<std::string> parts_of(const Picture& a, const Picture& b) {
  std::vector<std::string> parts;
  std::set<std::string> names;
  for (const auto& side : {&a, &b}) {
    for (const auto& [name, bytes] : (*side).vectors) {
      names.insert(name);
    }
  }
  for (const auto& name : names) {
    const auto left = a.vectors.find(name);
    const auto right = b.vectors.find(name);
    if (left == a.vectors.end() || right == b.vectors.end()) {
      parts.push_back(fmt::format("{} only in {}", vector_label(name),
                                  left == a.vectors.end() ? "the second" : "the first"));
    } else if (left->second != right->second) {
      parts.push_back(vector_label(name));
    }
  }
  std::set<std::string> keys;
  for (const auto& side : {&a, &b}) {
    for (const auto& entry : (*side).payload.items()) {
      keys.insert(entry.key());
    }
  }
  for (const auto& key : keys) {
    const bool left = a.payload.contains(key);
    const bool right = b.payload.contains(key);
    if (left != right) {
      parts.push_back(
          fmt::format("payload key '{}' only in {}", key, left ? "the first" : "the second"));
    } else if (a.payload[key].dump() != b.payload[key].dump()) {
      parts.push_back(fmt::format("payload key '{}'", key));
    }
  }
  return parts;
}

}  // namespace

Result<std::vector<PointDifference>> explain_differences(const Source& a, const Source& b,
                                                         const std::vector<PointId>& ids,
                                                         StopToken stop) {
  std::vector<PointDifference> differences;
  if (ids.empty()) {
    return differences;
  }
  ARROW_ASSIGN_OR_RAISE(const auto left, pictures(a, ids, stop));
  ARROW_ASSIGN_OR_RAISE(const auto right, pictures(b, ids, stop));
  for (const auto& id : ids) {
    const auto one = left.find(id);
    const auto other = right.find(id);
    if (one != left.end() && other != right.end()) {
      differences.push_back({.id = id, .parts = parts_of(one->second, other->second)});
    }
  }
  return differences;
}

}  // namespace vecferry
