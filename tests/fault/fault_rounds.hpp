#pragma once

#include <algorithm>
#include <cstdlib>

namespace hub::testing {

/// How many rounds were asked for: HUB_FAULT_ROUNDS, else `otherwise`.
inline int fault_rounds(int otherwise) {
  const char* given = ::secure_getenv("HUB_FAULT_ROUNDS"); // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? otherwise : std::max(1, std::atoi(given));
}

} // namespace hub::testing
