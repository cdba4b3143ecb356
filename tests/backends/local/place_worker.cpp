// What a process does to a local place, for tests that watch it from outside or kill it.
//
//   place_worker DIR [kill=POINT] [disk=MIB] COMMAND...
//     load NAME ROWS      create, write in batches of 50, finish
//     add NAME FIRST ROWS write points of generation FIRST over a finished collection
//     alias ALIAS NAME    drop NAME
//     hold NAME           open the collection, then wait until stdin ends
//
// Says on stdout what is done ("created", "durable 50", "finished", …), one line each; an error on
// stderr as "KIND: message", with exit status 1.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/backends/local/worker_points.h"
#include "tests/support/points.h"
#include "tests/support/small_disk.h"
#include "vecferry/backends/local/local_backend.h"
#include "vecferry/base/kill_point.h"

namespace vecferry::testing {
namespace {

constexpr uint64_t kBatchRows = 50;

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) {
    std::perror("write");
  }
}

Status write_points(Backend& backend, const std::string& name, uint64_t generation, uint64_t rows) {
  ARROW_ASSIGN_OR_RAISE(const auto writer, backend.open_writer(name, StopToken::Unstoppable()));
  for (uint64_t first = 0; first < rows; first += kBatchRows) {
    const uint64_t count = std::min(kBatchRows, rows - first);
    std::vector<TestPoint> points;
    for (uint64_t id = first; id < first + count; ++id) {
      points.push_back(worker_point(id, generation));
    }
    ARROW_RETURN_NOT_OK(writer->upsert(*to_batch(worker_config(), points)));
    say("written " + std::to_string(first + count));
    ARROW_RETURN_NOT_OK(writer->checkpoint());
    say("durable " + std::to_string(first + count));
  }
  return Status::OK();
}

Status load(Backend& backend, const std::string& name, uint64_t rows) {
  const StopToken stop = StopToken::Unstoppable();
  ARROW_RETURN_NOT_OK(backend.create(name, worker_config(), stop));
  say("created");
  ARROW_RETURN_NOT_OK(write_points(backend, name, 0, rows));
  ARROW_RETURN_NOT_OK(backend.finish(name, worker_config(), stop));
  say("finished");
  return Status::OK();
}

Status hold(Backend& backend, const std::string& name) {
  ARROW_RETURN_NOT_OK(backend.count(name, nullptr, StopToken::Unstoppable()).status());
  say("holding");
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return Status::OK();
}

// What a caller does after a failed load, and what is then left.
void report_leftovers(Backend& backend, const std::vector<std::string>& words) {
  const Status dropped = backend.drop(words.at(2), StopToken::Unstoppable());
  say(dropped.ok() ? "dropped" : "not dropped: " + dropped.ToString());
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(words.at(0)) / "collections")) {
    say(entry.path().filename().string());
    ++files;
  }
  say("left " + std::to_string(files));
}

Status run(const std::vector<std::string>& words, bool report) {
  const StopToken stop = StopToken::Unstoppable();
  ARROW_ASSIGN_OR_RAISE(const auto backend, open_local(words.at(0)));
  const std::string& verb = words.at(1);
  if (verb == "load") {
    Status loaded = load(*backend, words.at(2), std::stoull(words.at(3)));
    if (!loaded.ok() && report) {
      report_leftovers(*backend, words);
    }
    return loaded;
  }
  if (verb == "add") {
    return write_points(*backend, words.at(2), std::stoull(words.at(3)), std::stoull(words.at(4)));
  }
  if (verb == "hold") {
    return hold(*backend, words.at(2));
  }
  if (verb == "alias") {
    const AliasChange change{.alias = words.at(2), .collection = words.at(3)};
    ARROW_RETURN_NOT_OK(backend->change_aliases({&change, 1}, stop));
  } else {
    ARROW_RETURN_NOT_OK(backend->drop(words.at(2), stop));
  }
  say("done");
  return Status::OK();
}

}  // namespace
}  // namespace vecferry::testing

int main(int argc, char** argv) {
  std::vector<std::string> words;
  std::string disk;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("kill=", 0) == 0) {
      vecferry::arm_kill_point(word.substr(5));
    } else if (word.rfind("disk=", 0) == 0) {
      disk = word.substr(5);
    } else {
      words.push_back(word);
    }
  }
  if (!disk.empty()) {
    vecferry::testing::say(vecferry::testing::limit_disk(words.at(0), std::stoi(disk)) ? "disk"
                                                                                       : "limit");
  }
  const vecferry::Status status = vecferry::testing::run(words, !disk.empty());
  if (!status.ok()) {
    const auto failure = vecferry::failure_of(status);
    std::fprintf(stderr, "%s: %s; next: %s\n",
                 std::string(vecferry::to_string(failure.kind)).c_str(), failure.what.c_str(),
                 failure.next.c_str());
  }
  return status.ok() ? 0 : 1;
}
