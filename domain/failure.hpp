#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hub::domain {

/// What went wrong, in words every room shares; the HTTP status and the retry decision both derive
/// from it and from nothing else.
enum class errc : std::uint8_t {
  malformed = 1, // cannot be read at all (0 is CAF's "no error")
  invalid_input, // readable, but breaks a rule
  unauthorized,
  forbidden,
  not_found,
  conflict,
  too_large,
  unsupported_media,
  rate_limited,
  unavailable,     // a dependency is away; nothing was changed
  unknown_outcome, // a dependency went away in the middle; something may have been changed
  timed_out,
  internal,
};

/// Who has to wait for a limit.
enum class limit_scope : std::uint8_t {
  account,   // every call, or nobody said otherwise
  recipient, // calls to this one recipient
};

/// Why a call failed. `message` is one sentence a person can act on and never holds customer text.
struct failure {
  errc code{};
  std::string message;
  std::optional<std::chrono::seconds> retry_after;
  limit_scope limits = limit_scope::account; // of `rate_limited`
  const char* file = "";                     // who noticed; leads a log line straight to the code
  int line = 0;
};

// Not std::source_location: clang-tidy 14 cannot see it.
[[nodiscard]] inline failure fail(errc code,
                                  std::string message,
                                  const char* file = __builtin_FILE(),
                                  int line = __builtin_LINE()) {
  return {code, std::move(message), std::nullopt, limit_scope::account, file, line};
}

/// The machine-readable name of a code, as the API's `code` field shows it.
[[nodiscard]] constexpr const char* to_string(errc code) {
  switch (code) {
  case errc::malformed:
    return "malformed";
  case errc::invalid_input:
    return "invalid_input";
  case errc::unauthorized:
    return "unauthorized";
  case errc::forbidden:
    return "forbidden";
  case errc::not_found:
    return "not_found";
  case errc::conflict:
    return "conflict";
  case errc::too_large:
    return "too_large";
  case errc::unsupported_media:
    return "unsupported_media_type";
  case errc::rate_limited:
    return "rate_limited";
  case errc::unavailable:
    return "unavailable";
  case errc::unknown_outcome:
    return "unknown_outcome";
  case errc::timed_out:
    return "timed_out";
  case errc::internal:
    return "internal";
  }
  return "internal";
}

} // namespace hub::domain
