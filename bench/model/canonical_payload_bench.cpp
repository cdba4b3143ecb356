// Canonical payloads: MB/s of JSON, a core.

#include <benchmark/benchmark.h>

#include <string>

#include "vecferry/model/canonical_payload.h"

namespace {

// Five fields, as a retrieval system keeps them.
constexpr std::string_view kUnsorted =
    R"({"section": "libs", "name": "libarrow-dev", "installed_size": 48213, "score": 0.8231, )"
    R"("text": "Apache Arrow is a universal columnar format and multi-language toolbox for fast )"
    R"(data interchange and in-memory analytics. It holds columns in memory as they lie on disk."})";
constexpr std::string_view kNumbers =
    R"({"a":[0.1,0.2,0.30000000000000004,1e-7,123456.789,-4.5,1e21,7.25,0.3333333333333333],)"
    R"("b":[1,2,3,-4,500000,9007199254740993,18446744073709551615]})";
constexpr std::string_view kEscapes =
    R"({"text":"line one\nline two\ttabbed \"quoted\" \u00e9\u00e8 \\ path\\to\\file\nline three"})";

std::string canonical(std::string_view json) {
  const auto result = vecferry::canonical_payload(json);
  return result.ok() ? result.ValueUnsafe() : std::string();
}

void canonicalise(benchmark::State& state, const std::string& json) {
  vecferry::PayloadCanonicaliser canonicaliser;
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!canonicaliser.append(json, &out).ok()) {
      state.SkipWithError("the payload is not valid");
      break;
    }
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(json.size()));
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(canonicalise, unsorted, std::string(kUnsorted));
BENCHMARK_CAPTURE(canonicalise, canonical_already, canonical(kUnsorted));
BENCHMARK_CAPTURE(canonicalise, numbers, std::string(kNumbers));
BENCHMARK_CAPTURE(canonicalise, escapes, std::string(kEscapes));

}  // namespace
