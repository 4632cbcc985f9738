#pragma once

#include "http/server/edge/mailbox.hpp"
#include "http/server/edge/responder.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

namespace hub::http::edge {

class connection;

/// What a stream's writers and its connection share. Writers fill `pending_`; the reactor thread
/// takes all of it at once, so a burst of small writes costs one wake-up and one chunk.
class stream::state {
public:
  state(std::shared_ptr<mailbox> box,
        std::weak_ptr<connection> target,
        std::uint64_t sequence,
        std::size_t capacity);

  // For writers, in any thread.
  [[nodiscard]] bool closed() const;
  [[nodiscard]] std::size_t queued() const;
  bool try_write(std::string&& data);
  bool write(std::string&& data, std::chrono::milliseconds patience);
  void end();
  void abort();

  // For the connection.
  struct batch {
    std::string data;
    bool last = false;
    bool aborted = false;
  };
  batch take();
  /// `bytes` of what was taken have left for the client.
  void release(std::size_t bytes);
  void close();

private:
  [[nodiscard]] bool fits(std::size_t size) const;
  void append(std::string&& data);
  void announce();

  const std::shared_ptr<mailbox> box_;
  const std::weak_ptr<connection> target_;
  const std::uint64_t sequence_;
  const std::size_t capacity_;

  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::string pending_;
  std::size_t queued_ = 0; // pending or on its way
  bool announced_ = false; // the connection knows that there is something to take
  bool ended_ = false;
  bool aborted_ = false;
  bool closed_ = false;
};

} // namespace hub::http::edge
