#pragma once

#include "domain/time.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace hub::http {

/// What checking a signature found.
enum class signature_check : std::uint8_t { good, missing, bad, stale };

/// Slack: `v0=` hex HMAC-SHA256 of `v0:{timestamp}:{raw body}`; a timestamp more than five minutes
/// away, in either direction, is stale.
signature_check check_slack_signature(std::string_view secret,
                                      std::optional<std::string_view> timestamp,
                                      std::optional<std::string_view> signature,
                                      std::string_view body,
                                      domain::time_point now);

/// Intercom: `sha1=` hex HMAC-SHA1 of the raw body; `sha256=` and bare hex SHA-256 also.
signature_check check_intercom_signature(std::string_view secret,
                                         std::optional<std::string_view> signature,
                                         std::string_view body);

/// Meta: `sha256=` hex HMAC-SHA256 of the raw body.
signature_check check_whatsapp_signature(std::string_view secret,
                                         std::optional<std::string_view> signature,
                                         std::string_view body);

// What a provider would send; used by the simulator and by tests.
std::string
slack_signature(std::string_view secret, std::string_view timestamp, std::string_view body);
std::string hmac_sha256_hex(std::string_view secret, std::string_view body);
std::string hmac_sha1_hex(std::string_view secret, std::string_view body);
std::string sha256_hex(std::string_view data);

/// Whether two secrets are equal, in time that depends on their lengths alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

} // namespace hub::http
