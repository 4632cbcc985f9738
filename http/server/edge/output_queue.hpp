#pragma once

#include <cstddef>
#include <deque>
#include <string>

namespace hub::http::edge {

/// Bytes on their way to one client, sent without copying large bodies again.
class output_queue {
public:
  enum class progress { all_sent, blocked, out_of_budget, failed };

  struct result {
    progress state = progress::all_sent;
    std::size_t bytes = 0;    // handed to the kernel by this call
    std::size_t released = 0; // of the charges below
  };

  /// `charge` is given back by `send` when all of `bytes` has left: a stream's account.
  void push(std::string bytes, std::size_t charge = 0);
  result send(int descriptor, std::size_t budget);
  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  void clear();

private:
  struct piece {
    std::string bytes;
    std::size_t charge = 0;
  };

  void advance(std::size_t sent, result& so_far);

  std::deque<piece> pieces_;
  std::size_t offset_ = 0; // sent of the first piece
};

} // namespace hub::http::edge
