#pragma once

#include "domain/result.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hub::storage {

/// Seals personal data at rest with AES-256-GCM. Sealed bytes are: version 1, the key's id (4
/// bytes, big endian), a random nonce (12), the ciphertext, the tag (16). Thread-safe; copies share
/// keys.
class key_ring {
public:
  /// A ring of one fresh key.
  static domain::result<key_ring> generate();

  /// Reads `{"current": "<id>", "keys": {"<id>": "<64 hex digits>"}}`, ids as 8 hex digits.
  static domain::result<key_ring> parse(std::string_view json);

  /// Reads the file, or makes it with one fresh key when there is none. Of two processes that make
  /// it at once, both use the one that was first.
  static domain::result<key_ring> open(const std::filesystem::path& named);

  /// Replaces the file, readable by its owner only.
  [[nodiscard]] domain::outcome save(const std::filesystem::path& file) const;

  /// This ring with a fresh key that seals from now on; the old ones go on opening.
  [[nodiscard]] domain::result<key_ring> rotated() const;

  /// What `parse` reads. Holds the keys: for the file and for nothing else.
  [[nodiscard]] std::string to_json() const;

  [[nodiscard]] std::uint32_t current_id() const;
  [[nodiscard]] std::vector<std::uint32_t> ids() const;

  /// `associated_data` binds the result to where it belongs, by custom the row's id: moved to
  /// another row it no longer opens.
  [[nodiscard]] std::string seal(std::string_view plain, std::string_view associated_data) const;

  /// `malformed` for bytes that were never sealed, `not_found` for a key this ring does not have,
  /// `invalid_input` for bytes or associated data that are not the ones that were sealed.
  [[nodiscard]] domain::result<std::string> unseal(std::string_view sealed,
                                                   std::string_view associated_data) const;

private:
  static constexpr std::size_t key_size = 32;
  using key_bytes = std::array<unsigned char, key_size>;
  struct keys;

  explicit key_ring(std::shared_ptr<const keys> held) : keys_{std::move(held)} {}

  std::shared_ptr<const keys> keys_;
};

/// How many bytes sealing adds.
inline constexpr std::size_t sealing_overhead = 1 + 4 + 12 + 16;

} // namespace hub::storage
