#pragma once

#include "domain/result.hpp"
#include "storage/pool.hpp"

#include <functional>
#include <future>
#include <utility>

namespace hub::app {

/// Waits for a store's answer, which comes within its time limits: for commands, the start, and
/// threads that have nothing else to do.
template <class T>
domain::result<T> wait_for(const std::function<void(storage::callback<T>)>& start) {
  std::promise<domain::result<T>> promise;
  auto answer = promise.get_future();
  start([&promise](domain::result<T> result) { promise.set_value(std::move(result)); });
  return answer.get();
}

} // namespace hub::app
