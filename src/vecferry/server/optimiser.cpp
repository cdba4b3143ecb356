#include "vecferry/server/optimiser.h"

#include <chrono>
#include <utility>

#include "vecferry/base/log.h"

namespace vecferry::server {
namespace {

constexpr std::chrono::milliseconds kLook{500};
constexpr std::chrono::milliseconds kAgain{50};
constexpr int kLooksPerFlush = 10;  // five seconds, as a server's flush_interval_sec

}  // namespace

Optimiser::Optimiser(Listing listing) : listing_(std::move(listing)) {}

Optimiser::~Optimiser() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    // One that is only about to begin does not hear the first time.
    do {
      if (at_work_ != nullptr) {
        at_work_->interrupt();
      }
    } while (!changed_.wait_for(lock, kAgain, [this] { return ended_; }));
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Optimiser::start() {
  ended_ = false;
  thread_ = std::thread([this] {
    run();
    const std::lock_guard guard(mutex_);
    ended_ = true;
    changed_.notify_all();
  });
}

void Optimiser::run() {
  for (int look = 1;; ++look) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, kLook, [this] { return stopping_; })) {
        return;
      }
    }
    for (const auto& collection : listing_()) {
      if (look % kLooksPerFlush == 0) {
        if (const Status flushed = collection->flush();
            !flushed.ok() && kind_of(flushed) != ErrorKind::kNotFound) {
          log(LogLevel::kWarning, "cannot flush a collection",
              {{"collection", collection->name()}, {"error", flushed.message()}});
        }
      }
      if (collection->optimise_due()) {
        look_after(collection);
      }
    }
  }
}

void Optimiser::look_after(const std::shared_ptr<Collection>& collection) {
  {
    const std::lock_guard guard(mutex_);
    if (stopping_) {
      return;
    }
    at_work_ = collection;
  }
  const Status done = collection->optimise();
  if (!done.ok() && kind_of(done) != ErrorKind::kCancelled &&
      kind_of(done) != ErrorKind::kNotFound) {
    log(LogLevel::kWarning, "cannot build the indexes of a collection",
        {{"collection", collection->name()}, {"error", done.message()}});
  }
  const std::lock_guard guard(mutex_);
  at_work_ = nullptr;
}

}  // namespace vecferry::server
