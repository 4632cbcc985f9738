#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hub::http::client {

/// Upper bounds of the histograms below, in microseconds; the last bucket is open.
inline constexpr std::array<std::uint64_t, 12> duration_bounds_us{5'000,
                                                                  10'000,
                                                                  25'000,
                                                                  50'000,
                                                                  100'000,
                                                                  250'000,
                                                                  500'000,
                                                                  1'000'000,
                                                                  2'500'000,
                                                                  5'000'000,
                                                                  10'000'000,
                                                                  20'000'000};

/// The calls to one provider that ended in one way.
struct call_figures {
  std::string provider; // "other" beyond the first 32
  std::string outcome;  // "2xx" … "5xx", "429", or the name of a failure's errc
  std::array<std::uint64_t, duration_bounds_us.size() + 1> buckets{};
  std::uint64_t count = 0;
  std::uint64_t sum_us = 0; // time on the wire; waiting for a slot does not count
};

/// What an engine does and has done.
struct stats {
  std::size_t in_flight = 0;
  std::size_t waiting = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_reused = 0; // calls that found one open
  std::vector<call_figures> calls;
};

} // namespace hub::http::client
