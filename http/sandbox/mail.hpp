#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::sandbox {

/// A message as SMTP handed it over.
struct mail {
  std::string sender;
  std::vector<std::string> recipients;
  std::string data;           // lines end in CRLF, dots are unstuffed
  bool international = false; // SMTPUTF8 was declared
};

/// A message as a person reads it.
struct readable_mail {
  std::vector<std::pair<std::string, std::string>> headers; // unfolded, decoded; names lower case
  std::string text;                                         // the first plain part, decoded

  [[nodiscard]] std::string header(std::string_view name) const;
};

readable_mail read_mail(std::string_view data);

/// The reply of a strict server to a message that RFC 5322 does not allow; nullopt when it does.
std::optional<std::string> mail_fault(const mail& given);

} // namespace hub::http::sandbox
