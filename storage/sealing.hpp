#pragma once

#include "domain/result.hpp"

#include <array>
#include <chrono>
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
/// keys. A ring from a file follows it: what a rotation writes there is used within
/// `follows_within`, and at once where something turns up that was sealed with a key it lacks.
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

  /// This ring with nothing but the key that seals. What others sealed never opens again.
  [[nodiscard]] key_ring only_current() const;

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

  /// How soon a change of the file holds for what is sealed afterwards.
  static constexpr std::chrono::seconds follows_within{2};

private:
  static constexpr std::size_t key_size = 32;
  using key_bytes = std::array<unsigned char, key_size>;
  struct keys;
  struct shared;

  explicit key_ring(std::shared_ptr<const keys> held, const std::filesystem::path& file = {});

  std::shared_ptr<shared> shared_;
};

/// The key that sealed these bytes; `malformed` where nothing did.
[[nodiscard]] domain::result<std::uint32_t> sealed_with(std::string_view sealed);
/// A key's id as files and messages show it: 8 hexadecimal digits.
[[nodiscard]] std::string key_id_text(std::uint32_t id);

/// How many bytes sealing adds.
inline constexpr std::size_t sealing_overhead = 1 + 4 + 12 + 16;

} // namespace hub::storage
