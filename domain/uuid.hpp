#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>

namespace hub::domain {

/// 128 bits in network order. All ids of the hub are version 7 (RFC 9562): they sort by time, so
/// new rows land at the end of every index.
struct uuid {
  std::array<std::uint8_t, 16> bytes{};

  // NOLINTNEXTLINE(modernize-use-nullptr): clang 14 reads its own comparison as a null pointer
  friend auto operator<=>(const uuid&, const uuid&) = default;
  [[nodiscard]] bool is_nil() const { return *this == uuid{}; }
};

/// Canonical lower-case text, 36 characters.
std::string to_string(const uuid& id);

/// Reads canonical text, either case; `invalid_input` for anything else.
result<uuid> parse_uuid(std::string_view text);

/// Makes version 7 ids that never repeat and, from one generator, strictly increase. Not
/// thread-safe: one per actor or thread. The caller passes the time, because domain has no clock.
class uuid_generator {
public:
  /// `seed` must come from a real source of randomness: two generators with one seed collide.
  explicit uuid_generator(std::uint64_t seed) : random_{seed} {}

  uuid next(time_point now);

private:
  std::mt19937_64 random_;
  std::int64_t last_millisecond_ = 0;
  std::uint32_t counter_ = 0; // 18 bits: 12 in rand_a, 6 at the top of rand_b
};

} // namespace hub::domain

template <>
struct std::hash<hub::domain::uuid> {
  std::size_t operator()(const hub::domain::uuid& id) const noexcept;
};
