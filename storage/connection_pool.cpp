#include "storage/connection_pool.hpp"

#include "storage/guarded.hpp"

#include <utility>

namespace hub::storage {

connection_pool::connection_pool(pool_options options) : options_{std::move(options)} {
  threads_.reserve(static_cast<std::size_t>(options_.connections));
  for (int i = 0; i < options_.connections; ++i)
    threads_.emplace_back([this] { run(); });
}

connection_pool::~connection_pool() {
  stop();
}

void connection_pool::post(task work) {
  {
    const std::lock_guard lock{mutex_};
    if (!stopping_ && queue_.size() < options_.queue_limit) {
      queue_.push_back(std::move(work));
      wake_.notify_one();
      return;
    }
  }
  ++rejected_;
  work(domain::fail(domain::errc::unavailable, "too many calls are waiting for the database"),
       false);
}

void connection_pool::stop() {
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

pool_stats connection_pool::stats() const {
  const std::lock_guard lock{mutex_};
  return {.connections = connected_,
          .busy = busy_,
          .waiting = queue_.size(),
          .queries = queries_,
          .failures = failures_,
          .rejected = rejected_};
}

std::optional<connection_pool::task> connection_pool::next() {
  std::unique_lock lock{mutex_};
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.empty())
    return std::nullopt;
  auto work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

domain::outcome connection_pool::ensure(std::unique_ptr<pqxx::connection>& connection) const {
  if (connection && connection->is_open())
    return domain::done{};
  return guarded([&]() -> domain::outcome {
    connection.reset();
    auto fresh = std::make_unique<pqxx::connection>(options_.connection_string);
    pqxx::nontransaction tx{*fresh};
    tx.exec(options_.session);
    tx.commit();
    connection = std::move(fresh);
    return domain::done{};
  });
}

bool connection_pool::attempt(const task& work,
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

void connection_pool::run() {
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
