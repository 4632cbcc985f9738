#include "http/server/edge/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace hub::http::edge {

mailbox::mailbox() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0)
    throw std::system_error(errno, std::generic_category(), "eventfd");
}

mailbox::~mailbox() {
  ::close(descriptor_);
}

bool mailbox::post(task work) {
  const std::lock_guard lock(mutex_);
  if (closed_)
    return false;
  tasks_.push_back(std::move(work));
  if (std::this_thread::get_id() != owner_)
    signal();
  return true;
}

void mailbox::wake() {
  const std::lock_guard lock(mutex_);
  if (!closed_)
    signal();
}

void mailbox::adopt() {
  const std::lock_guard lock(mutex_);
  owner_ = std::this_thread::get_id();
}

void mailbox::acknowledge() {
  std::uint64_t count = 0;
  // It fails only when there is nothing to clear.
  [[maybe_unused]] const auto cleared = ::read(descriptor_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  signalled_ = false;
}

std::vector<mailbox::task> mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(tasks_, {});
}

void mailbox::close() {
  std::vector<task> dropped; // destroyed after the lock: a task may hold a responder
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

void mailbox::signal() {
  if (std::exchange(signalled_, true))
    return;
  const std::uint64_t one = 1;
  // It fails only at 2^64 - 1 unread signals.
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

} // namespace hub::http::edge
