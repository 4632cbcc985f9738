#pragma once

#include "actors/outward/file_source.hpp"
#include "http/client/engine.hpp"
#include "http/outward/desk.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace hub::http {

struct file_limits {
  std::size_t largest = 0;            // bytes; a download is cut there
  std::chrono::milliseconds within{}; // for one download
};

/// Fetches files as the accounts say. `engine` must outlive it.
std::unique_ptr<actors::file_source> make_file_source(client::engine& engine,
                                                      accounts_source accounts,
                                                      const file_limits& limits,
                                                      std::function<domain::time_point()> now);

} // namespace hub::http
