#include "vecferry/engine/shard.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/engine/c_api_internal.h"

namespace vecferry::engine {
namespace {

using Json = nlohmann::json;

std::string where_of(const std::filesystem::path& folder) {
  return fmt::format("engine shard '{}'", folder.string());
}

Status odd_answer(const std::string& where, std::string_view what) {
  return fail({.what = fmt::format("the engine's answer to {} is not what was asked for", what),
               .where = where});
}

// What only the engine reads.
Json engine_part(const ShardOptions& options) {
  Json part = {{"wal", options.wal}};
  if (options.index_threads > 0) {
    part["max_indexing_threads"] = options.index_threads;
  }
  return part;
}

std::string engine_config(const CollectionConfig& config, const ShardOptions& options) {
  auto json = Json::parse(to_json(config), nullptr, false);
  json["engine"] = engine_part(options);
  return json.dump();
}

// A JSON list of names, or nothing for all.
std::optional<std::string> names_json(const std::optional<std::vector<std::string>>& names) {
  if (!names) {
    return std::nullopt;
  }
  return Json(*names).dump(-1, ' ', false, Json::error_handler_t::replace);
}

const char* c_str(const std::optional<std::string>& text) {
  return text ? text->c_str() : nullptr;
}

// A request with a filter, which is JSON text already.
std::string with_filter(std::string_view request, const Filter* filter) {
  if (filter == nullptr) {
    return fmt::format("{{{}}}", request);
  }
  return fmt::format("{{{},\"filter\":{}}}", request, filter->json());
}

}  // namespace

// The engine's handle. Calls use it, `close` takes it.
class Shard::Handle {
 public:
  Handle(vecferry_shard* shard, std::string where) : shard_(shard), where_(std::move(where)) {}
  ~Handle() { discard(close(), "a caller that wants the error calls close"); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Status close() {
    vecferry_shard* shard = std::exchange(shard_, nullptr);
    return engine::call(where_,
                        [&](char** message) { return vecferry_engine_close(shard, message); });
  }

  template <typename Call>
  Status call(Call&& run) const {
    if (shard_ == nullptr) {
      return fail({.kind = ErrorKind::kUsage, .what = "the shard is closed", .where = where_});
    }
    return engine::call(where_, [&](char** message) { return run(shard_, message); });
  }

  // A call with JSON in and JSON out.
  using AskFunction = int32_t (*)(vecferry_shard*, const char*, char**, char**);
  Result<std::string> ask(AskFunction function, std::string_view request) const {
    const std::string text(request);
    char* result = nullptr;
    ARROW_RETURN_NOT_OK(call([&](vecferry_shard* shard, char** message) {
      return function(shard, text.c_str(), &result, message);
    }));
    return text_of(CString(result));
  }

  const std::string& where() const { return where_; }

 private:
  vecferry_shard* shard_;
  std::string where_;
};

std::string engine_version() {
  const auto json = Json::parse(text_of(CString(vecferry_engine_version())), nullptr, false);
  return json.is_object() ? json.value("engine", std::string()) : std::string();
}

Shard::Shard(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Shard::~Shard() = default;

Result<std::unique_ptr<Shard>> Shard::create(const std::filesystem::path& folder,
                                             const CollectionConfig& config,
                                             const ShardOptions& options) {
  const std::string json = engine_config(config, options);
  vecferry_shard* shard = nullptr;
  ARROW_RETURN_NOT_OK(call(where_of(folder), [&](char** message) {
    return vecferry_engine_create(folder.c_str(), json.c_str(), &shard, message);
  }));
  return std::unique_ptr<Shard>(new Shard(std::make_unique<Handle>(shard, where_of(folder))));
}

Result<std::unique_ptr<Shard>> Shard::open(const std::filesystem::path& folder,
                                           const CollectionConfig& config,
                                           const ShardOptions& options) {
  const std::string json = engine_config(config, options);
  vecferry_shard* shard = nullptr;
  ARROW_RETURN_NOT_OK(call(where_of(folder), [&](char** message) {
    return vecferry_engine_open(folder.c_str(), json.c_str(), &shard, message);
  }));
  return std::unique_ptr<Shard>(new Shard(std::make_unique<Handle>(shard, where_of(folder))));
}

Result<std::unique_ptr<Shard>> Shard::open(const std::filesystem::path& folder,
                                           const ShardOptions& options) {
  const std::string json = Json{{"engine", engine_part(options)}}.dump();
  vecferry_shard* shard = nullptr;
  ARROW_RETURN_NOT_OK(call(where_of(folder), [&](char** message) {
    return vecferry_engine_open(folder.c_str(), json.c_str(), &shard, message);
  }));
  return std::unique_ptr<Shard>(new Shard(std::make_unique<Handle>(shard, where_of(folder))));
}

Status Shard::close() {
  return handle_->close();
}

Result<CollectionConfig> Shard::config() const {
  ARROW_ASSIGN_OR_RAISE(const std::string text, info());
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("config") || !json.contains("payload_schema")) {
    return odd_answer(handle_->where(), "info");
  }
  return parse_collection_config(Json{
      {"format", "vecferry.collection"},
      {"version", 1},
      {"config", json["config"]},
      {"payload_schema",
       json["payload_schema"]}}.dump());
}

Status Shard::upsert(const arrow::RecordBatch& points) {
  CBatch batch;
  ARROW_RETURN_NOT_OK(batch.fill(points));
  return handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_upsert(shard, batch.array(), batch.schema(), message);
  });
}

Status Shard::remove(std::span<const PointId> ids) {
  CBatch batch;
  ARROW_RETURN_NOT_OK(batch.fill(ids));
  return handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_remove(shard, batch.array(), batch.schema(), message);
  });
}

Status Shard::apply(std::string_view operation_json) {
  const std::string operation(operation_json);
  return handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_apply(shard, operation.c_str(), message);
  });
}

Status Shard::flush() {
  return handle_->call(vecferry_engine_flush);
}

Result<ScanPage> Shard::scan(const ScanRequest& request) const {
  const auto vectors = names_json(request.vectors);
  vecferry_scan_request c_request{};
  c_request.from = to_c(request.range.from);
  c_request.to = to_c(request.range.to);
  c_request.row_limit = static_cast<uint64_t>(request.row_limit);
  c_request.byte_limit = static_cast<uint64_t>(request.byte_limit);
  c_request.filter = request.filter == nullptr ? nullptr : request.filter->json().c_str();
  c_request.vectors = c_str(vectors);
  c_request.with_payload = request.payload ? 1 : 0;
  CBatch batch;
  vecferry_point_id next{};
  ARROW_RETURN_NOT_OK(handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_scan(shard, &c_request, batch.array(), batch.schema(), &next, message);
  }));
  ARROW_ASSIGN_OR_RAISE(auto points, batch.take());
  return ScanPage{.points = std::move(points), .next = from_c(next)};
}

Result<std::shared_ptr<arrow::RecordBatch>> Shard::retrieve(
    std::span<const PointId> ids, const std::optional<std::vector<std::string>>& vectors,
    bool payload) const {
  const auto names = names_json(vectors);
  CBatch wanted;
  CBatch found;
  ARROW_RETURN_NOT_OK(wanted.fill(ids));
  ARROW_RETURN_NOT_OK(handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_retrieve(shard, wanted.array(), wanted.schema(), c_str(names),
                                    payload ? 1 : 0, found.array(), found.schema(), message);
  }));
  return found.take();
}

Result<uint64_t> Shard::count(const Filter* filter) const {
  const std::string request = with_filter(R"("exact":true)", filter);
  uint64_t points = 0;
  ARROW_RETURN_NOT_OK(handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_count(shard, request.c_str(), &points, message);
  }));
  return points;
}

Result<std::vector<PointId>> Shard::sample_ids(const Filter* filter, uint64_t limit) const {
  ARROW_ASSIGN_OR_RAISE(
      const std::string text,
      query(
          with_filter(fmt::format(R"("query":{{"sample":"random"}},"limit":{})", limit), filter)));
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("points") || !json["points"].is_array()) {
    return odd_answer(handle_->where(), "a sample");
  }
  std::vector<PointId> ids;
  ids.reserve(json["points"].size());
  for (const auto& point : json["points"]) {
    const auto found = point.find("id");
    if (found == point.end()) {
      return odd_answer(handle_->where(), "a sample");
    }
    const auto id = found->is_number_unsigned() ? PointId::of(found->get<uint64_t>())
                    : found->is_string()        ? parse_point_id(found->get<std::string>())
                                                : std::nullopt;
    if (!id) {
      return odd_answer(handle_->where(), "a sample");
    }
    ids.push_back(*id);
  }
  return ids;
}

Result<std::string> Shard::query(std::string_view request_json) const {
  return handle_->ask(vecferry_engine_query, request_json);
}

Result<std::string> Shard::facet(std::string_view request_json) const {
  return handle_->ask(vecferry_engine_facet, request_json);
}

Result<std::string> Shard::info() const {
  char* result = nullptr;
  ARROW_RETURN_NOT_OK(handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_info(shard, &result, message);
  }));
  return text_of(CString(result));
}

Status Shard::create_index(const PayloadIndex& index) {
  // The schema is JSON already, and the name becomes JSON.
  const std::string request = fmt::format(
      R"({{"field_name":{},"field_schema":{}}})",
      Json(index.path).dump(-1, ' ', false, Json::error_handler_t::replace), index.schema_json);
  return handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_create_index(shard, request.c_str(), message);
  });
}

Status Shard::delete_index(std::string_view path) {
  const std::string field(path);
  return handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_delete_index(shard, field.c_str(), message);
  });
}

Status Shard::optimise(const Progress& progress, const StopToken& stop) {
  Ticker ticker{progress, stop};
  return handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_optimise(shard, Ticker::tick, &ticker, message);
  });
}

Result<uint64_t> Shard::pack_snapshot(const std::filesystem::path& file, uint64_t next_operation,
                                      const Progress& progress, const StopToken& stop) {
  Ticker ticker{progress, stop};
  char* result = nullptr;
  ARROW_RETURN_NOT_OK(handle_->call([&](vecferry_shard* shard, char** message) {
    return vecferry_engine_pack_snapshot(shard, file.c_str(), next_operation, Ticker::tick, &ticker,
                                         &result, message);
  }));
  const auto json = Json::parse(text_of(CString(result)), nullptr, false);
  if (!json.is_object() || !json.contains("next_operation")) {
    return odd_answer(handle_->where(), "a snapshot");
  }
  return json["next_operation"].get<uint64_t>();
}

}  // namespace vecferry::engine
