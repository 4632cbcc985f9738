#include "http/server/edge/request_id.hpp"

#include "http/server/edge/characters.hpp"

#include <algorithm>
#include <cstdint>
#include <random>

namespace hub::http::edge {

bool is_sane_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string make_request_id() {
  thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  constexpr std::string_view digits = "0123456789abcdef";
  std::string id;
  id.reserve(32);
  for (int word = 0; word < 2; ++word)
    for (std::uint64_t bits = engine(), i = 0; i < 16; ++i, bits >>= 4U)
      id += digits[bits & 0xfU];
  return id;
}

std::string request_id_from(std::string_view offered) {
  return is_sane_request_id(offered) ? std::string(offered) : make_request_id();
}

} // namespace hub::http::edge
