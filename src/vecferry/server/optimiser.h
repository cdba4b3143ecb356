#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "vecferry/server/collection.h"

namespace vecferry::server {

/// One thread that looks after collections while they are served: it builds indexes when enough
/// vectors are without one, and flushes what was written.
/// Thread: safe for concurrent use.
class Optimiser {
 public:
  using Listing = std::function<std::vector<std::shared_ptr<Collection>>()>;

  /// `listing` says what there is to look after.
  explicit Optimiser(Listing listing);
  /// Interrupts an optimise that is at work, and flushes.
  ~Optimiser();
  Optimiser(const Optimiser&) = delete;
  Optimiser& operator=(const Optimiser&) = delete;

  void start();

 private:
  void run();
  void look_after(const std::shared_ptr<Collection>& collection);

  const Listing listing_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool ended_ = true;
  std::shared_ptr<Collection> at_work_;
  std::thread thread_;
};

}  // namespace vecferry::server
