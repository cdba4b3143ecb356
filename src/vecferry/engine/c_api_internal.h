#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/engine/shard.h"
#include "vecferry/model/point_id.h"
#include "vecferry_engine.h"

/// The engine's C interface in our types: codes to Statuses, C strings and Arrow structs to owners.
/// Private to engine/.
namespace vecferry::engine {

struct FreeString {
  void operator()(char* text) const { vecferry_engine_free_string(text); }
};
/// A string that the engine made.
using CString = std::unique_ptr<char, FreeString>;

std::string text_of(const CString& text);

/// What a call answered. `message` is taken, as the engine made it.
Status status_of(int32_t code, char* message, std::string where);

/// Runs a call that takes `char** message` last; `where` names the folder.
template <typename Call>
Status call(const std::string& where, Call&& run) {
  char* message = nullptr;
  const int32_t code = run(&message);
  return status_of(code, message, where);
}

/// A batch on its way through the C interface. What is still there at the end is released; the
/// engine takes what it is given, so then nothing is.
class CBatch {
 public:
  CBatch() = default;
  ~CBatch();
  CBatch(const CBatch&) = delete;
  CBatch& operator=(const CBatch&) = delete;

  Status fill(const arrow::RecordBatch& batch);
  Status fill(std::span<const PointId> ids);
  /// As columns of the points schema.
  Result<std::shared_ptr<arrow::RecordBatch>> take();

  ArrowArray* array() { return &array_; }
  ArrowSchema* schema() { return &schema_; }

 private:
  ArrowArray array_{};
  ArrowSchema schema_{};
};

vecferry_point_id to_c(const std::optional<PointId>& id);
std::optional<PointId> from_c(const vecferry_point_id& id);

/// Progress and stop as the engine's callback and its context.
struct Ticker {
  const Progress& progress;
  const StopToken& stop;

  static int32_t tick(void* ticker, uint64_t done, uint64_t total);
};

}  // namespace vecferry::engine
