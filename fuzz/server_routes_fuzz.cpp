// Requests as they come from anybody: method, address and body. Each is answered, with a status
// that HTTP has and, where it says JSON, with JSON.

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz/check.h"
#include "vecferry/server/collections.h"
#include "vecferry/server/rest_routes.h"

namespace {

using vecferry::server::Collections;

// A place that is gone with the program.
struct Served {
  Served() {
    std::filesystem::remove_all(folder);
    collections = Collections::open({folder}, {.optimise = false}).ValueOrDie();
  }
  ~Served() {
    collections.reset();
    std::filesystem::remove_all(folder);
  }
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("vecferry-fuzz-" + std::to_string(::getpid()));
  std::unique_ptr<Collections> collections{};
};

// Served to all inputs; what one changes, the next finds.
Collections& collections() {
  static const Served served;
  if (!served.collections->exists("c")) {
    VECFERRY_CHECK(
        served.collections->create("c", R"({"vectors":{"size":2,"distance":"Dot"}})").ok());
  }
  return *served.collections;
}

// A place of many collections fills the disk; one is enough.
void drop_others() {
  for (const auto& name : collections().names()) {
    if (name != "c") {
      VECFERRY_CHECK(collections().drop(name).ok());
    }
  }
}

}  // namespace

// "METHOD TARGET\nBODY".
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t space = text.find(' ');
  const size_t line = text.find('\n');
  if (space == std::string::npos || line == std::string::npos || space > line) {
    return 0;
  }
  auto target = vecferry::server::read_target(text.substr(space + 1, line - space - 1));
  // Downloads would go to addresses that the input chose.
  if (!target || text.find("recover") != std::string::npos) {
    return 0;
  }
  const auto answer = vecferry::server::answer(collections(), {.method = text.substr(0, space),
                                                               .path = std::move(target->path),
                                                               .query = std::move(target->query),
                                                               .body = text.substr(line + 1)});
  VECFERRY_CHECK(answer.status >= 200 && answer.status < 600);
  if (answer.content_type.rfind("application/json", 0) == 0) {
    VECFERRY_CHECK(nlohmann::json::accept(answer.body));
  }
  if (answer.file_is_ours) {
    std::filesystem::remove_all(answer.file.parent_path());
  }
  drop_others();
  return 0;
}
