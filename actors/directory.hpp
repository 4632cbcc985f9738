#pragma once

#include "actors/intake/protocol.hpp"
#include "actors/region/protocol.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <string_view>

namespace hub::actors {

/// How many slices conversations and tickets are cut into; fixed for the life of a cluster.
inline constexpr std::size_t shard_count = 256;

/// FNV-1a: the same on every node and in every build, unlike std::hash.
[[nodiscard]] constexpr std::size_t shard_of(std::string_view key) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char character : key) {
    hash ^= static_cast<unsigned char>(character);
    hash *= 1099511628211ULL;
  }
  return static_cast<std::size_t>((hash ^ (hash >> 32U)) % shard_count);
}

[[nodiscard]] inline std::size_t shard_of(const domain::uuid& id) {
  return shard_of(
    std::string_view{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

/// Who handles which shard.
struct directory {
  std::array<intake_actor, shard_count> intake;
  std::array<region_actor, shard_count> regions;

  [[nodiscard]] const intake_actor& intake_for(std::string_view order_key) const {
    return intake[shard_of(order_key)];
  }
  [[nodiscard]] const region_actor& region_for(const domain::uuid& ticket) const {
    return regions[shard_of(ticket)];
  }
};

} // namespace hub::actors
