// Our own reader over a server, and nothing behind it: every batch is decoded and dropped. Beside
// `bare_grpc scroll`, which decodes nothing, it shows what a scan of a server costs.
//
//   scan_server URL COLLECTION LANES [grpc|rest]
//
// URL is REST's address, gRPC at the next port. Prints one line of JSON, as bare_grpc does.

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "vecferry/backend/backend.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/cli/memory.h"

namespace vecferry {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

struct Tally {
  std::atomic<int64_t> points{0};
  std::atomic<int64_t> batches{0};
};

Status read_range(Backend& backend, const std::string& collection, const IdRange& range,
                  Tally* tally) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        backend.open_reader(collection, {.range = range}, kGoOn));
  std::shared_ptr<arrow::RecordBatch> batch;
  for (;;) {
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return Status::OK();
    }
    tally->points += batch->num_rows();
    ++tally->batches;
  }
}

Status scan(const std::string& url, const std::string& collection, int lanes, Transport transport) {
  ARROW_ASSIGN_OR_RAISE(const auto backend,
                        open_qdrant({.url = url, .transport = transport, .lanes = lanes}, kGoOn));
  ARROW_ASSIGN_OR_RAISE(const auto ranges, backend->plan_scan(collection, nullptr, lanes, kGoOn));
  Tally tally;
  std::vector<Status> ends(ranges.size());
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (size_t lane = 0; lane < ranges.size(); ++lane) {
      threads.emplace_back(
          [&, lane] { ends[lane] = read_range(*backend, collection, ranges[lane], &tally); });
    }
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const auto& end : ends) {
    ARROW_RETURN_NOT_OK(end);
  }
  fmt::print(
      "{{\"what\":\"scan\",\"lanes\":{},\"points\":{},\"batches\":{},\"seconds\":{:.3f},"
      "\"points_per_second\":{:.0f}}}\n",
      ranges.size(), tally.points.load(), tally.batches.load(), seconds,
      static_cast<double>(tally.points.load()) / seconds);
  return Status::OK();
}

}  // namespace
}  // namespace vecferry

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto transport =
      vecferry::parse_transport(words.size() > 3 ? words[3] : std::string("grpc"));
  const int lanes = words.size() < 3 ? 0 : std::atoi(words[2].c_str());
  if (words.size() < 3 || words.size() > 4 || lanes < 1 || !transport) {
    std::fputs("usage: scan_server URL COLLECTION LANES [grpc|rest]\n", stderr);
    return 2;
  }
  vecferry::share_memory_between_lanes();
  const auto done = vecferry::scan(words[0], words[1], lanes, *transport);
  if (!done.ok()) {
    std::fprintf(stderr, "scan_server: %s\n", done.ToString().c_str());
    return 1;
  }
  return 0;
}
