#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "tests/support/temp_dir.h"
#include "vecferry/backends/files/open_file.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/journal/journal.h"
#include "vecferry/ops/operation.h"
#include "vecferry/ops/place_opener.h"

/// Places in memory for operations: "a/docs" is collection "docs" of place "a"; files by their
/// path, which starts with a slash.
namespace vecferry::testing {

class MemoryPlaces : public PlaceOpener {
 public:
  Backend& place(const std::string& name) { return *place_of(name); }
  /// Another kind of place, instead of one in memory.
  void add(const std::string& name, std::shared_ptr<Backend> backend) {
    places_[name] = std::move(backend);
  }

  OpenedEnd end(const std::string& address) {
    const size_t slash = address.find('/');
    return {.backend = place_of(address.substr(0, slash)),
            .collection = address.substr(slash + 1),
            .label = address,
            .address = address};
  }

  Result<OpenedEnd> open_source(const std::string& address, const ReadingOptions& /*options*/,
                                StopToken stop) override {
    if (!address.starts_with('/')) {
      return end(address);
    }
    ARROW_ASSIGN_OR_RAISE(auto file, open_file(address, {}));
    ARROW_ASSIGN_OR_RAISE(auto collection, collection_name_of(*file, address, {}, stop));
    return OpenedEnd{.backend = std::move(file),
                     .collection = std::move(collection),
                     .label = address,
                     .address = address};
  }
  Result<OpenedEnd> open_target(const std::string& address, bool /*build_index*/,
                                StopToken /*stop*/) override {
    if (!address.starts_with('/')) {
      return end(address);
    }
    ARROW_ASSIGN_OR_RAISE(auto file,
                          open_file(address, {.collection_name = "backup", .write = true}));
    return OpenedEnd{
        .backend = std::move(file), .collection = "backup", .label = address, .address = address};
  }

 private:
  std::shared_ptr<Backend> place_of(const std::string& name) {
    auto& found = places_[name];
    if (found == nullptr) {
      found = memory_backend();
    }
    return found;
  }

  std::map<std::string, std::shared_ptr<Backend>> places_;
};

/// A journal in a folder of its own, and what operations need beside it.
struct MemoryWorkshop {
  TempDir folder;
  MemoryPlaces places;
  Progress progress;
  std::unique_ptr<Journal> journal = Journal::open(folder.path() / "journal").ValueOrDie();

  Workshop shop() { return {.journal = *journal, .places = places, .progress = progress}; }
  Result<OperationEnd> run(const OperationPlan& plan) { return run_operation(plan, shop()); }
};

}  // namespace vecferry::testing
