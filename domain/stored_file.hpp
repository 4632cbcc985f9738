#pragma once

#include "domain/uuid.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace hub::domain {

/// What became of fetching an attachment's bytes.
struct file_settlement {
  uuid attachment;
  /// Why there will be none, in a sentence for who reads the ticket; empty: they are stored.
  std::string why_not;
  // Of a stored file:
  std::string place; // where a file store finds it again
  std::string type;  // as its bytes say, never as the provider does
  std::int64_t size = 0;
  std::array<std::uint8_t, 32> sha256{};
};

} // namespace hub::domain
