#include "http/server/edge/address_book.hpp"

namespace hub::http::edge {

bool address_book::admit(const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (open_ >= in_all_)
    return false;
  auto& count = by_address_[address];
  if (count >= per_address_)
    return false;
  ++count;
  ++open_;
  return true;
}

void address_book::release(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = by_address_.find(address);
  if (found == by_address_.end())
    return;
  --open_;
  if (--found->second == 0)
    by_address_.erase(found);
}

std::size_t address_book::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

} // namespace hub::http::edge
