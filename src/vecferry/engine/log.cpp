#include "vecferry/engine/log.h"

#include "vecferry/base/log.h"
#include "vecferry_engine.h"

namespace vecferry::engine {
namespace {

void forward(int32_t level, const char* message) {
  constexpr int32_t kWarn = 2;
  constexpr int32_t kInfo = 3;
  const auto ours = level <= kWarn   ? LogLevel::kWarning
                    : level == kInfo ? LogLevel::kInfo
                                     : LogLevel::kDebug;
  log(ours, message, {{"from", "engine"}});
}

}  // namespace

void forward_log(int level) {
  vecferry_engine_set_log(level > 0 ? forward : nullptr, level);
}

}  // namespace vecferry::engine
