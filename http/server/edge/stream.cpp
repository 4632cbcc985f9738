#include "http/server/edge/connection.hpp"
#include "http/server/edge/stream_state.hpp"

#include <utility>

namespace hub::http::edge {

stream::state::state(std::shared_ptr<mailbox> box,
                     std::weak_ptr<connection> target,
                     std::uint64_t sequence,
                     std::size_t capacity)
  : box_(std::move(box)), target_(std::move(target)), sequence_(sequence), capacity_(capacity) {}

bool stream::state::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_ || ended_;
}

std::size_t stream::state::queued() const {
  const std::lock_guard lock(mutex_);
  return queued_;
}

// A piece larger than the whole buffer passes when nothing else waits; else it never could.
bool stream::state::fits(std::size_t size) const {
  return queued_ == 0 || queued_ + size <= capacity_;
}

void stream::state::append(std::string&& data) {
  queued_ += data.size();
  if (pending_.empty())
    pending_ = std::move(data);
  else
    pending_ += data;
  announce();
}

void stream::state::announce() {
  if (std::exchange(announced_, true))
    return;
  const bool posted = box_->post([target = target_, sequence = sequence_] {
    if (const auto to = target.lock())
      to->stream_ready(sequence);
  });
  if (!posted)
    closed_ = true;
}

bool stream::state::try_write(std::string&& data) {
  const std::lock_guard lock(mutex_);
  if (closed_ || ended_)
    return false;
  if (data.empty())
    return true;
  if (!fits(data.size()))
    return false;
  append(std::move(data));
  return !closed_;
}

bool stream::state::write(std::string&& data, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto settled = [&] { return closed_ || ended_ || fits(data.size()); };
  if (!room_.wait_for(lock, patience, settled) || closed_ || ended_)
    return false;
  if (!data.empty())
    append(std::move(data));
  return !closed_;
}

void stream::state::end() {
  const std::lock_guard lock(mutex_);
  if (!closed_ && !std::exchange(ended_, true))
    announce();
}

void stream::state::abort() {
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  if (!closed_ && !std::exchange(ended_, true))
    announce();
}

stream::state::batch stream::state::take() {
  const std::lock_guard lock(mutex_);
  announced_ = false;
  return {std::exchange(pending_, {}), ended_, aborted_};
}

void stream::state::release(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  queued_ -= bytes;
  // Half empty before the writer wakes: otherwise it would be woken for every packet.
  if (queued_ <= capacity_ / 2)
    room_.notify_all();
}

void stream::state::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  pending_.clear();
  queued_ = 0;
  room_.notify_all();
}

stream::stream(std::shared_ptr<state> shared) : state_(std::move(shared)) {}

bool stream::closed() const {
  return !state_ || state_->closed();
}

std::size_t stream::queued() const {
  return state_ ? state_->queued() : 0;
}

bool stream::try_write(std::string data) {
  return state_ && state_->try_write(std::move(data));
}

bool stream::write(std::string data, std::chrono::milliseconds patience) {
  return state_ && state_->write(std::move(data), patience);
}

void stream::end() {
  if (state_)
    state_->end();
}

void stream::abort() {
  if (state_)
    state_->abort();
}

} // namespace hub::http::edge
