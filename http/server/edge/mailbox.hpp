#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hub::http::edge {

/// How other threads reach a reactor thread: a queue of tasks and a descriptor that wakes it.
class mailbox {
public:
  using task = std::function<void()>;

  mailbox();
  ~mailbox();
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

  /// False, and the task dropped, once closed.
  bool post(task work);
  /// Makes the descriptor readable although there may be no task.
  void wake();

  // The rest is the reactor thread's.

  /// Names the calling thread as the one that empties this mailbox before it sleeps.
  void adopt();
  /// Clears the signal. Always before `take`: a task posted in between signals anew.
  void acknowledge();
  std::vector<task> take();
  void close();

private:
  void signal();

  int descriptor_;
  std::mutex mutex_;
  std::vector<task> tasks_;
  std::thread::id owner_;
  bool closed_ = false;
  bool signalled_ = false;
};

} // namespace hub::http::edge
