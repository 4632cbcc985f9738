#pragma once

#include <string>

namespace hub::http::providers {

/// A message the provider has taken.
struct sent {
  std::string provider_message_id; // empty when the provider names none
};

} // namespace hub::http::providers
