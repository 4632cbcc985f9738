#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::client {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// As whom a request is signed (AWS Signature Version 4, for S3); empty: it is not.
struct aws_signer {
  std::string access_key_id;
  std::string secret_access_key;
  std::string region;
};

/// One HTTP request to a provider.
struct call {
  std::string provider;  // "slack": names the call in metrics and logs
  std::string operation; // "chat.postMessage": as above; never holds an id
  std::string method = "POST";
  std::string url; // http or https
  header_list headers;
  std::string body;
  // Zero: what the engine allows.
  std::chrono::milliseconds connect_within{}; // name, connection and TLS together
  std::chrono::milliseconds within{};         // from `send` to the answer's last byte
  std::size_t max_response = 0;               // bytes of head and decompressed body, each
  /// Sending it twice does no harm, so an answer that gets lost is `unavailable`, not
  /// `unknown_outcome`. Only for calls that read, or that carry the provider's idempotency key.
  bool repeatable = false;
  /// Somebody entered this address in a form: it may lead to public addresses only, no proxy.
  bool user_url = false;
  aws_signer sign = {};
};

/// One message to a mail server.
struct mail {
  std::string provider = "smtp";
  std::string operation = "send";
  std::string url; // smtp://host:port or smtps://host:port
  std::string user;
  std::string password;
  std::string from; // bare addresses, as in the envelope
  std::vector<std::string> recipients;
  std::string message; // RFC 5322, lines end in CRLF
  // Zero: what the engine allows.
  std::chrono::milliseconds connect_within{};
  std::chrono::milliseconds within{};
  /// smtp:// goes on only once STARTTLS has succeeded. False is for servers on this machine.
  bool require_tls = true;
  /// As of a call.
  bool user_url = false;
};

/// What came back. Any HTTP status is a reply; the provider's translator reads it. For mail the
/// status is the SMTP reply code that settled the message, and the body that reply's last line.
struct reply {
  int status = 0;
  header_list headers; // names in lower case, in the order received
  std::string body;
  std::chrono::microseconds took{};

  /// The first header of that lower-case name; empty when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [known, value] : headers)
      if (known == name)
        return value;
    return {};
  }
};

} // namespace hub::http::client
