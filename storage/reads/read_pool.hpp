#pragma once

#include "storage/reads/read_store.hpp"

#include <pqxx/pqxx>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hub::storage {

/// Threads with one connection each, and the queue they work off.
class read_pool {
public:
  /// Gets a connection, or why there is none. Runs in a pool thread. Returns false to be run once
  /// more with a fresh connection: the one it got was broken, as all are after a server restart.
  using task = std::function<bool(domain::result<pqxx::connection*>, bool may_repeat)>;

  explicit read_pool(read_store_options options);
  ~read_pool();
  read_pool(const read_pool&) = delete;
  read_pool& operator=(const read_pool&) = delete;

  /// Queues `work`; runs it at once with a failure when the queue is full or the pool has stopped.
  void post(task work);
  /// Lets the reads that run finish; those that wait get a failure, in the calling thread.
  void stop();
  [[nodiscard]] read_store::pool_stats stats() const;

private:
  void run();
  std::optional<task> next();
  bool attempt(const task& work, std::unique_ptr<pqxx::connection>& connection, bool may_repeat);
  domain::outcome ensure(std::unique_ptr<pqxx::connection>& connection) const;

  read_store_options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<task> queue_;
  bool stopping_ = false;
  std::atomic<int> busy_{0};
  std::atomic<int> connected_{0};
  std::atomic<std::uint64_t> queries_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> rejected_{0};
  std::vector<std::thread> threads_;
};

} // namespace hub::storage
