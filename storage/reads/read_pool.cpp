#include "storage/reads/read_pool.hpp"

#include "storage/guarded.hpp"

#include <utility>

namespace hub::storage {

read_pool::read_pool(read_store_options options) : options_{std::move(options)} {
  threads_.reserve(static_cast<std::size_t>(options_.connections));
  for (int i = 0; i < options_.connections; ++i)
    threads_.emplace_back([this] { run(); });
}

read_pool::~read_pool() {
  stop();
}

void read_pool::post(task work) {
  {
    const std::lock_guard lock{mutex_};
    if (!stopping_ && queue_.size() < options_.queue_limit) {
      queue_.push_back(std::move(work));
      wake_.notify_one();
      return;
    }
  }
  ++rejected_;
  work(domain::fail(domain::errc::unavailable, "too many reads are waiting for the database"),
       false);
}

void read_pool::stop() {
  std::deque<task> unread;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    unread.swap(queue_);
  }
  wake_.notify_all();
  for (const auto& work : unread)
    work(domain::fail(domain::errc::unavailable, "the hub is stopping"), false);
  for (auto& thread : threads_)
    if (thread.joinable())
      thread.join();
}

read_store::pool_stats read_pool::stats() const {
  const std::lock_guard lock{mutex_};
  return {.connections = connected_,
          .busy = busy_,
          .waiting = queue_.size(),
          .queries = queries_,
          .failures = failures_,
          .rejected = rejected_};
}

std::optional<read_pool::task> read_pool::next() {
  std::unique_lock lock{mutex_};
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.empty())
    return std::nullopt;
  auto work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

domain::outcome read_pool::ensure(std::unique_ptr<pqxx::connection>& connection) const {
  if (connection && connection->is_open())
    return domain::done{};
  return guarded([&]() -> domain::outcome {
    connection.reset();
    auto fresh = std::make_unique<pqxx::connection>(options_.connection_string);
    pqxx::nontransaction tx{*fresh};
    tx.exec("SET default_transaction_read_only = on; SET statement_timeout = '15s'; SET jit = off; "
            "SET application_name = 'feedback-hub reads'");
    tx.commit();
    connection = std::move(fresh);
    return domain::done{};
  });
}

bool read_pool::attempt(const task& work,
                        std::unique_ptr<pqxx::connection>& connection,
                        bool may_repeat) {
  auto ready = ensure(connection);
  if (!ready) {
    ++failures_;
    work(std::move(ready).why(), false);
    return true;
  }
  return work(connection.get(), may_repeat);
}

void read_pool::run() {
  std::unique_ptr<pqxx::connection> connection;
  while (const auto work = next()) {
    ++busy_;
    ++queries_;
    const bool had_one = connection != nullptr;
    if (!attempt(*work, connection, true)) {
      connection.reset();
      attempt(*work, connection, false);
    }
    if (connection && !connection->is_open())
      connection.reset();
    connected_ += (connection ? 1 : 0) - (had_one ? 1 : 0);
    --busy_;
  }
  if (connection)
    --connected_;
}

} // namespace hub::storage
