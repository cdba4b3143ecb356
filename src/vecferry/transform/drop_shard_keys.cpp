#include "vecferry/transform/drop_shard_keys.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "arrow/array.h"
#include "arrow/array/util.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "vecferry/transform/columns_internal.h"

namespace vecferry {
namespace {

class DropShardKeys : public Transform {
 public:
  std::string describe() const override { return "drops shard keys"; }

  Result<CollectionConfig> config(const CollectionConfig& before) const override {
    CollectionConfig after = before;
    auto settings = nlohmann::json::parse(before.settings_json, nullptr, false);
    const auto params = settings.is_object() ? settings.find("params") : settings.end();
    if (settings.is_object() && params != settings.end() && params->is_object() &&
        params->erase("sharding_method") + params->erase("shard_keys") > 0) {
      after.settings_json = settings.dump();
    }
    return after;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    const int column = batch->schema()->GetFieldIndex("shard_key");
    if (column < 0) {
      return batch;
    }
    if (!after_.knows(batch->schema())) {
      ARROW_RETURN_NOT_OK(after_.learn(*this, batch->schema(), batch->schema()->fields()));
    }
    const auto& before = *batch->column(column);
    changed_ += static_cast<uint64_t>(before.length() - before.null_count());
    arrow::ArrayVector columns = batch->columns();
    ARROW_ASSIGN_OR_RAISE(columns[static_cast<size_t>(column)],
                          arrow::MakeArrayOfNull(before.type(), before.length()));
    return arrow::RecordBatch::Make(after_.schema(), batch->num_rows(), std::move(columns));
  }

  std::unique_ptr<Transform> clone() const override { return std::make_unique<DropShardKeys>(); }

  std::map<std::string, uint64_t> counts() const override {
    return {{"shard_keys_dropped", changed_}};
  }

 private:
  SchemaAfter after_{};
  uint64_t changed_ = 0;
};

}  // namespace

std::unique_ptr<Transform> drop_shard_keys() {
  return std::make_unique<DropShardKeys>();
}

}  // namespace vecferry
