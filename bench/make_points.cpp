// Makes a local collection of seeded points, for benchmarks of the program itself:
//   make_points DIR NAME POINTS [DIM]
#include <cstdio>
#include <cstdlib>
#include <string>

#include "vecferry/backends/local/local_backend.h"
#include "vecferry/ops/seeded_points.h"

namespace {

vecferry::Status run(const std::string& dir, const std::string& name, uint64_t points,
                     uint32_t dim) {
  ARROW_ASSIGN_OR_RAISE(const auto backend, vecferry::open_local(dir));
  return vecferry::seed_collection(*backend, name, dim, points, vecferry::StopToken::Unstoppable());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fputs("usage: make_points DIR NAME POINTS [DIM]\n", stderr);
    return 2;
  }
  const auto dim = argc == 5 ? std::strtoul(argv[4], nullptr, 10) : 384;
  const auto status =
      run(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10), static_cast<uint32_t>(dim));
  if (!status.ok()) {
    std::fprintf(stderr, "make_points: %s\n", status.ToString().c_str());
  }
  return status.ok() ? 0 : 1;
}
