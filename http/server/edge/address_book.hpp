#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace hub::http::edge {

/// Counts the open connections of each address, for all reactor threads together.
class address_book {
public:
  address_book(std::size_t in_all, std::size_t per_address)
    : in_all_(in_all), per_address_(per_address) {}

  /// Takes a place; false when there is none.
  [[nodiscard]] bool admit(const std::string& address);
  void release(const std::string& address);
  [[nodiscard]] std::size_t open() const;

private:
  const std::size_t in_all_;
  const std::size_t per_address_;
  mutable std::mutex mutex_;
  std::size_t open_ = 0;
  std::unordered_map<std::string, std::size_t> by_address_;
};

} // namespace hub::http::edge
