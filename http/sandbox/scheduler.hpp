#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace hub::http::sandbox {

/// Runs work at a time to come, in a thread of its own. What is not due when it ends is dropped.
class scheduler {
public:
  scheduler();
  ~scheduler();
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  void after(std::chrono::milliseconds delay, std::function<void()> work);
  void stop();

private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> due_;
  bool stopping_ = false;
  std::thread thread_; // last: it uses the rest
};

} // namespace hub::http::sandbox
