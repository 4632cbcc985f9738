#pragma once

#include "domain/result.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hub::http {

/// What Argon2id costs: 19 MiB, two passes (OWASP's advice for password storage).
struct hash_cost {
  unsigned kibibytes = 19 * 1024;
  unsigned passes = 2;
};

/// Argon2id on threads of its own: it is slow on purpose, and no reactor waits for it. The queue is
/// bounded: beyond, callers hear `rate_limited`.
class password_hasher {
public:
  explicit password_hasher(int threads = 2, std::size_t queue_limit = 64, hash_cost cost = {});
  ~password_hasher();
  password_hasher(const password_hasher&) = delete;
  password_hasher& operator=(const password_hasher&) = delete;

  /// `done` gets the hash in Argon2's own notation, with its salt and cost.
  void hash(std::string secret, const std::function<void(domain::result<std::string>)>& done);
  /// `done` gets whether `secret` is what `hash` was made of. An empty hash takes as long, and
  /// nothing matches it: nobody can tell by the time that there is no such account.
  void verify(std::string secret,
              std::string hash,
              const std::function<void(domain::result<bool>)>& done);
  /// What waits is told `unavailable`.
  void stop();

  /// The same at once, for commands.
  [[nodiscard]] static domain::result<std::string> hash_now(const std::string& secret,
                                                            hash_cost cost = {});

private:
  struct task {
    std::function<void()> run;
    std::function<void(const domain::failure&)> refuse;
  };
  void post(task work);
  void run();

  hash_cost cost_;
  std::string nobody_; // the hash of a secret that nobody knows
  std::size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

} // namespace hub::http
