#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

namespace hub::tests {

// ThreadSanitizer and AddressSanitizer make everything several times slower and larger.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// `full` in an optimised build, `reduced` under a sanitizer.
constexpr int load(int full, int reduced) {
  return sanitized ? reduced : full;
}

/// The descriptors this process has open.
std::size_t open_descriptors();

/// Resident memory of this process.
std::size_t resident_bytes();

/// Processor time this process has used.
std::chrono::milliseconds processor_time();

/// Polls until `condition` holds; false when it did not within `patience`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds patience = std::chrono::seconds(10));

} // namespace hub::tests
