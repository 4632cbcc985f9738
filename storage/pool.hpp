#pragma once

#include "domain/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace hub::storage {

/// Calls back once, from a pool's thread. The callee must not block or throw.
template <class T>
using callback = std::function<void(domain::result<T>)>;

/// How a pool of connections is doing.
struct pool_stats {
  int connections = 0;
  int busy = 0;
  std::size_t waiting = 0;
  std::uint64_t queries = 0;
  std::uint64_t failures = 0;
  std::uint64_t rejected = 0;
};

} // namespace hub::storage
