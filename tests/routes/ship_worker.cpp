// Ships a collection to a server that is a folder, as an operation would: what was made durable is
// noted in a journal, and a run goes on with what an earlier one has left.
//
//   ship_worker DIR [kill=POINT] [disk=MIB] [rows=N]
//
// DIR/server is the server, DIR/kept the spool, DIR/journal the journal. With `disk` the spool is
// on a disk of that size, and a failed load is dropped. Says on stdout what is done.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "tests/routes/folder_server.h"
#include "tests/routes/ship_worker_points.h"
#include "tests/support/small_disk.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/routes/ship.h"

namespace vecferry::testing {
namespace {

namespace fs = std::filesystem;

const StopToken kNever = StopToken::Unstoppable();

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) {
    std::perror("write");
  }
}

class Journal {
 public:
  explicit Journal(fs::path file) : file_(std::move(file)) {}
  size_t durable() const {
    const auto text = read_file(file_);
    return text.ok() ? std::stoul(*text) : 0;
  }
  Status note(size_t batches) { return write_durably(file_, std::to_string(batches)); }

 private:
  fs::path file_;
};

// As ops/step_load.cpp does it.
Status begin_or_go_on(Backend& backend, FolderServer& server, Journal& journal) {
  if (server.describe(kWorkerCollection, kNever).ok()) {
    const auto ours = backend.take_over(kWorkerCollection, kNever);
    if (ours.ok()) {
      say(*ours ? "goes on" : "is complete");
      return Status::OK();
    }
    if (kind_of(ours.status()) != ErrorKind::kNotFound) {
      return ours.status();
    }
    say("begins again");
    ARROW_RETURN_NOT_OK(backend.drop(kWorkerCollection, kNever));
  }
  ARROW_RETURN_NOT_OK(journal.note(0));
  ARROW_RETURN_NOT_OK(backend.create(kWorkerCollection, worker_config(), kNever));
  say("created");
  return Status::OK();
}

Status load(Backend& backend, Journal& journal, size_t rows) {
  ARROW_ASSIGN_OR_RAISE(const auto writer, backend.open_writer(kWorkerCollection, kNever));
  for (size_t batch = journal.durable(); batch * kWorkerBatch < rows; ++batch) {
    ARROW_RETURN_NOT_OK(writer->upsert(*worker_batch(batch)));
    if (batch % 2 == 1) {
      ARROW_RETURN_NOT_OK(writer->checkpoint());
      VECFERRY_KILL_POINT("worker.durable");
      ARROW_RETURN_NOT_OK(journal.note(batch + 1));
      VECFERRY_KILL_POINT("worker.noted");
    }
  }
  return backend.finish(kWorkerCollection, worker_config(), kNever);
}

Status run(const fs::path& dir, size_t rows, bool drop) {
  const auto server =
      std::make_shared<FolderServer>(dir / "server", std::vector<ShardInfo>{{.id = 0}, {.id = 1}});
  ARROW_ASSIGN_OR_RAISE(const auto backend, ship_to(server, {.kept = dir / "kept" / "7f3a"}));
  Journal journal(dir / "journal");
  const auto done = [&]() -> Status {
    ARROW_RETURN_NOT_OK(begin_or_go_on(*backend, *server, journal));
    return server->finished(kWorkerCollection) ? Status::OK() : load(*backend, journal, rows);
  };
  const Status status = done();
  if (!status.ok() && drop) {
    ARROW_RETURN_NOT_OK(backend->drop(kWorkerCollection, kNever));
    for (const auto& entry : fs::recursive_directory_iterator(dir / "kept")) {
      say("left " + entry.path().string());
    }
  }
  return status;
}

}  // namespace
}  // namespace vecferry::testing

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  using namespace vecferry;  // NOLINT(google-build-using-namespace): a program of one function
  const fs::path dir = argv[1];
  size_t rows = testing::kWorkerRows;
  bool small = false;
  fs::create_directories(dir / "kept");
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("kill=", 0) == 0) {
      arm_kill_point(word.substr(5));
    } else if (word.rfind("rows=", 0) == 0) {
      rows = std::stoul(word.substr(5));
    } else if (word.rfind("disk=", 0) == 0) {
      small = true;
      testing::say(testing::limit_disk((dir / "kept").string(), std::stoi(word.substr(5)))
                       ? "disk"
                       : "limit");
    }
  }
  const Status status = testing::run(dir, rows, small);
  if (!status.ok()) {
    const auto failure = failure_of(status);
    std::fprintf(stderr, "%s: %s; where: %s; next: %s\n",
                 std::string(to_string(failure.kind)).c_str(), failure.what.c_str(),
                 failure.where.c_str(), failure.next.c_str());
    return 1;
  }
  testing::say("finished");
  return 0;
}
