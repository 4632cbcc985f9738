#include "http/sandbox/scheduler.hpp"

#include <utility>

namespace hub::http::sandbox {

scheduler::scheduler() : thread_{[this] { run(); }} {}

scheduler::~scheduler() {
  stop();
}

void scheduler::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
  due_.clear();
}

void scheduler::after(std::chrono::milliseconds delay, std::function<void()> work) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_)
      return;
    due_.emplace(std::chrono::steady_clock::now() + delay, std::move(work));
  }
  changed_.notify_one();
}

void scheduler::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(lock);
      continue;
    }
    if (const auto at = due_.begin()->first; at > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, at);
      continue;
    }
    auto work = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

} // namespace hub::http::sandbox
