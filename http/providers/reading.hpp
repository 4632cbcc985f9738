#pragma once

#include "domain/json_reading.hpp"
#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// How every provider's answers are read; for the files of this folder alone.
namespace hub::http::providers {

/// What a call would have done, had it succeeded: decides what an error nobody explains means.
enum class effect : std::uint8_t {
  none,  // it reads, or repeating it changes nothing more
  sends, // doing it twice is worse than not knowing
};

/// What an answer's `Retry-After` asks for (seconds, or a date as RFC 9110 writes it), rounded up,
/// at most a day.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(const client::reply& from,
                                                              domain::time_point now);

/// From now until a moment; what has passed is zero, as above at most a day.
[[nodiscard]] std::chrono::seconds until(domain::time_point when, domain::time_point now);

/// Builds failures about one answer: "slack: channel_not_found (200)". Providers' own words are
/// left out, since they quote what they were sent.
class verdict {
public:
  verdict(std::string_view provider,
          const client::reply& about,
          effect what,
          domain::time_point now);

  /// A failure with the provider's code for it, which shows only if it looks like a code.
  [[nodiscard]] domain::failure because(domain::errc code,
                                        std::string_view providers_code,
                                        const char* file = __builtin_FILE(),
                                        int line = __builtin_LINE()) const;
  /// An error after which something may have been done.
  [[nodiscard]] domain::failure unexplained(std::string_view providers_code,
                                            const char* file = __builtin_FILE(),
                                            int line = __builtin_LINE()) const;
  /// What the status alone says.
  [[nodiscard]] domain::failure by_status(std::string_view providers_code,
                                          const char* file = __builtin_FILE(),
                                          int line = __builtin_LINE()) const;

private:
  std::string_view provider_;
  const client::reply& about_;
  effect what_;
  domain::time_point now_;
};

/// The body as a JSON object; JSON null when it is anything else.
[[nodiscard]] domain::json object_in(const client::reply& answer);

} // namespace hub::http::providers
