#pragma once

#include "domain/access.hpp"
#include "domain/audit.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <optional>

namespace hub::storage {

/// Who acts, where and when: of every call that changes something, for the record that is written
/// in the same transaction.
struct acting {
  domain::uuid workspace;
  /// Whose rights are looked at; unset for the command line, which may do everything.
  std::optional<domain::principal> rights;
  domain::actor_stamp who;
  domain::uuid record; // the record's id
  domain::time_point at{};
};

} // namespace hub::storage
