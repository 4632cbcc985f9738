#include "http/server/edge/output_queue.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace hub::http::edge {
namespace {

// Small pieces are joined: one copy is cheaper than one more element for the kernel.
constexpr std::size_t join_below = 4096;

} // namespace

void output_queue::push(std::string bytes, std::size_t charge) {
  if (!pieces_.empty() && bytes.size() + pieces_.back().bytes.size() <= join_below) {
    pieces_.back().bytes += bytes;
    pieces_.back().charge += charge;
  } else if (!bytes.empty()) {
    pieces_.push_back({std::move(bytes), charge});
  }
}

output_queue::result output_queue::send(int descriptor, std::size_t budget) {
  result so_far;
  while (!pieces_.empty()) {
    if (so_far.bytes >= budget) {
      so_far.state = progress::out_of_budget;
      return so_far;
    }
    std::array<iovec, 8> parts{};
    const auto count = std::min(parts.size(), pieces_.size());
    std::size_t room = budget - so_far.bytes;
    for (std::size_t i = 0; i < count; ++i) {
      const auto skip = i == 0 ? offset_ : 0;
      const auto size = std::min(room, pieces_[i].bytes.size() - skip);
      parts[i] = {pieces_[i].bytes.data() + skip, size};
      room -= size;
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const auto sent = ::sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      advance(static_cast<std::size_t>(sent), so_far);
    } else if (errno != EINTR) {
      const bool full = errno == EAGAIN || errno == EWOULDBLOCK;
      so_far.state = full ? progress::blocked : progress::failed;
      return so_far;
    }
  }
  return so_far;
}

void output_queue::advance(std::size_t sent, result& so_far) {
  so_far.bytes += sent;
  offset_ += sent;
  while (!pieces_.empty() && offset_ >= pieces_.front().bytes.size()) {
    offset_ -= pieces_.front().bytes.size();
    so_far.released += pieces_.front().charge;
    pieces_.pop_front();
  }
}

void output_queue::clear() {
  pieces_.clear();
  offset_ = 0;
}

} // namespace hub::http::edge
