#pragma once

#include "storage/guarded.hpp"
#include "storage/pool.hpp"

#include <pqxx/pqxx>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hub::storage {

struct pool_options {
  std::string connection_string;
  std::string session; // SQL that prepares a fresh connection
  int connections = 4;
  std::size_t queue_limit = 1000;
};

/// Threads with one connection each, and the queue they work off.
class connection_pool {
public:
  /// Gets a connection, or why there is none. Runs in a pool thread. Returns false to be run once
  /// more with a fresh connection: the one it got was broken, as all are after a server restart.
  using task = std::function<bool(domain::result<pqxx::connection*>, bool may_repeat)>;

  explicit connection_pool(pool_options options);
  ~connection_pool();
  connection_pool(const connection_pool&) = delete;
  connection_pool& operator=(const connection_pool&) = delete;

  /// Queues `work`; runs it at once with a failure when the queue is full or the pool has stopped.
  void post(task work);
  /// Lets the tasks that run finish; those that wait get a failure, in the calling thread.
  void stop();
  [[nodiscard]] pool_stats stats() const;

private:
  void run();
  std::optional<task> next();
  bool attempt(const task& work, std::unique_ptr<pqxx::connection>& connection, bool may_repeat);
  domain::outcome ensure(std::unique_ptr<pqxx::connection>& connection) const;

  pool_options options_;
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

/// Runs `work` in one transaction of a pool's connection, commits when it succeeds, and hands its
/// result on. Repeats it once when the connection turns out to be broken: nothing was committed
/// then, else the outcome is `unknown_outcome`.
template <class Transaction, class T, class Work>
void in_transaction(connection_pool& pool, callback<T> done, Work work) {
  pool.post([done = std::move(done), work = std::move(work)](
              domain::result<pqxx::connection*> connection, bool may_repeat) {
    if (!connection) {
      done(std::move(connection).why());
      return true;
    }
    auto answer = guarded([&]() -> domain::result<T> {
      Transaction tx{**connection};
      auto value = work(tx);
      if (value)
        tx.commit();
      return value;
    });
    const bool was_broken =
      !answer && answer.why().code != domain::errc::unknown_outcome && !(*connection)->is_open();
    if (was_broken && may_repeat)
      return false;
    try {
      done(std::move(answer));
    } catch (const std::exception&) { // whoever waited is answered by what the callback has let go
    }
    return true;
  });
}

} // namespace hub::storage
