#include "storage/files/file_store.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace hub::storage {

std::string key_of_file(const domain::uuid& workspace, const domain::uuid& id) {
  const auto name = to_string(id);
  return to_string(workspace) + '/' + name.substr(name.size() - 2) + '/' + name;
}

bool is_file_key(std::string_view text) {
  constexpr std::size_t id_length = 36;
  if (text.size() != 2 * id_length + 4)
    return false;
  const auto workspace = domain::parse_uuid(text.substr(0, id_length));
  const auto id = domain::parse_uuid(text.substr(id_length + 4));
  return workspace && id && key_of_file(*workspace, *id) == text;
}

std::array<std::uint8_t, 32> digest_of(std::string_view bytes) {
  std::array<std::uint8_t, 32> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1
      || length != digest.size())
    throw std::runtime_error("SHA-256 is not available");
  return digest;
}

} // namespace hub::storage
