#pragma once

#include "http/server/auth/gate.hpp"
#include "storage/identity/identity_store.hpp"

#include <chrono>
#include <string>

namespace hub::http {

inline constexpr std::chrono::hours session_lasts{24 * 30};

/// A session about to begin, and its token, which nobody sees again.
struct fresh_session {
  storage::new_session row;
  std::string token;
};

[[nodiscard]] fresh_session
make_session(const gate& door, const edge::request& request, domain::uuid person);

} // namespace hub::http
