#include "http/sandbox/smtp_dialogue.hpp"

#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <utility>

namespace hub::http::sandbox {
namespace {

std::string uppered(std::string_view text) {
  std::string upper{text};
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

/// `<address> PARAMETERS`, both parts; nullopt unless it is of that form.
std::optional<std::pair<std::string, std::string>> path_in(std::string_view rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const auto close = rest.find('>');
  if (!rest.starts_with('<') || close == std::string_view::npos)
    return std::nullopt;
  return std::pair{std::string{rest.substr(1, close - 1)}, uppered(rest.substr(close + 1))};
}

bool is_address(std::string_view text) {
  const auto at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.size() <= 254
         && text.find_first_of(" \t<>") == std::string_view::npos;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

} // namespace

smtp_step smtp_dialogue::line(std::string_view line) {
  switch (phase_) {
  case phase::data:
    return data_line(line);
  case phase::auth_user:
  case phase::auth_password:
  case phase::auth_plain:
    return credentials(line);
  case phase::fresh:
  case phase::greeted:
  case phase::mail:
  case phase::recipients:
    break;
  }
  const auto space = std::min(line.find(' '), line.size());
  return command(uppered(line.substr(0, space)), line.substr(std::min(space + 1, line.size())));
}

smtp_step smtp_dialogue::command(std::string_view verb, std::string_view rest) {
  const std::string name{verb};
  if (verb == "QUIT")
    return {name, "221 2.0.0 goodbye", true};
  if (verb == "NOOP")
    return {name, "250 2.0.0 still here"};
  if (verb == "EHLO" || verb == "HELO") {
    if (rest.empty())
      return {name, "501 5.5.4 say who you are"};
    phase_ = phase::greeted;
    mail_ = {};
    if (verb == "HELO")
      return {name, "250 sandbox.localhost"};
    return {name,
            "250-sandbox.localhost greets you\r\n250-SIZE " + std::to_string(largest_message)
              + "\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-AUTH PLAIN LOGIN\r\n"
                "250 ENHANCEDSTATUSCODES"};
  }
  if (verb == "RSET") {
    mail_ = {};
    phase_ = phase_ == phase::fresh ? phase::fresh : phase::greeted;
    return {name, "250 2.0.0 forgotten"};
  }
  if (verb == "VRFY")
    return {name, "252 2.5.2 send it and see"};
  if (verb != "AUTH" && verb != "MAIL" && verb != "RCPT" && verb != "DATA")
    return {name.substr(0, 20), "500 5.5.2 unknown command"};
  if (phase_ == phase::fresh)
    return {name, "503 5.5.1 say EHLO first"};
  if (verb == "AUTH")
    return authenticate(rest);
  if (verb == "MAIL")
    return sender(rest);
  if (verb == "RCPT")
    return recipient(rest);
  if (phase_ != phase::recipients)
    return {name, "503 5.5.1 name a sender and a recipient first"};
  phase_ = phase::data;
  too_large_ = false;
  return {"", "354 end with a dot on a line of its own"};
}

smtp_step smtp_dialogue::authenticate(std::string_view rest) {
  const auto space = std::min(rest.find(' '), rest.size());
  const auto method = uppered(rest.substr(0, space));
  const auto initial = rest.substr(std::min(space + 1, rest.size()));
  if (phase_ != phase::greeted)
    return {"AUTH", "503 5.5.1 not now"};
  if (method == "PLAIN") {
    phase_ = phase::auth_plain;
    return initial.empty() ? smtp_step{"AUTH", "334 "} : credentials(initial);
  }
  if (method == "LOGIN") {
    phase_ = phase::auth_user;
    return initial.empty() ? smtp_step{"AUTH", "334 VXNlcm5hbWU6"} : credentials(initial);
  }
  return {"AUTH", "504 5.5.4 PLAIN or LOGIN"};
}

smtp_step smtp_dialogue::credentials(std::string_view line) {
  if (line == "*") {
    phase_ = phase::greeted;
    return {"AUTH", "501 5.7.0 as you like"};
  }
  const auto given = from_base64(line);
  if (phase_ == phase::auth_user) {
    user_ = given;
    phase_ = phase::auth_password;
    return {"AUTH", "334 UGFzc3dvcmQ6"};
  }
  if (phase_ == phase::auth_password)
    return signed_in(user_);
  // authorisation NUL user NUL password
  const auto first = given.find('\0');
  const auto second = first == std::string::npos ? first : given.find('\0', first + 1);
  if (second == std::string::npos) {
    phase_ = phase::greeted;
    return {"AUTH", "501 5.5.2 not of the form of PLAIN"};
  }
  return signed_in(std::string_view{given}.substr(first + 1, second - first - 1));
}

smtp_step smtp_dialogue::signed_in(std::string_view user) {
  phase_ = phase::greeted;
  if (user.starts_with("revoked") || user.starts_with("invalid"))
    return {"AUTH", "535 5.7.8 authentication credentials invalid"};
  return {"AUTH", "235 2.7.0 welcome"};
}

smtp_step smtp_dialogue::sender(std::string_view rest) {
  if (phase_ != phase::greeted)
    return {"MAIL", "503 5.5.1 one sender at a time"};
  if (!uppered(rest.substr(0, 5)).starts_with("FROM:"))
    return {"MAIL", "501 5.5.4 MAIL FROM:<address>"};
  const auto path = path_in(rest.substr(5));
  if (!path || (!path->first.empty() && !is_address(path->first)))
    return {"MAIL", "501 5.1.7 not an address"};
  mail_ = {};
  mail_.sender = path->first;
  std::string_view parameters = path->second;
  while (!parameters.empty()) {
    const auto end = std::min(parameters.find(' '), parameters.size());
    const auto each = parameters.substr(0, end);
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (each.starts_with("SIZE=")) {
      const auto digits = each.substr(5);
      // Nine digits are a gigabyte; no need to read more.
      if (digits.size() > 9
          || std::strtoull(std::string{digits}.c_str(), nullptr, 10) > largest_message)
        return {"MAIL", "552 5.3.4 too large"};
    } else if (each == "SMTPUTF8") {
      mail_.international = true;
    } else if (!each.empty() && each != "BODY=8BITMIME" && each != "BODY=7BIT"
               && !each.starts_with("AUTH=")) {
      return {"MAIL", "555 5.5.4 unknown parameter"};
    }
  }
  if (!is_ascii(mail_.sender) && !mail_.international)
    return {"MAIL", "553 5.6.7 an international address needs SMTPUTF8"};
  phase_ = phase::mail;
  return {"MAIL", "250 2.1.0 ok"};
}

smtp_step smtp_dialogue::recipient(std::string_view rest) {
  if (phase_ != phase::mail && phase_ != phase::recipients)
    return {"RCPT", "503 5.5.1 name a sender first"};
  if (!uppered(rest.substr(0, 3)).starts_with("TO:"))
    return {"RCPT", "501 5.5.4 RCPT TO:<address>"};
  const auto path = path_in(rest.substr(3));
  if (!path || !is_address(path->first))
    return {"RCPT", "501 5.1.3 not an address"};
  if (!is_ascii(path->first) && !mail_.international)
    return {"RCPT", "553 5.6.7 an international address needs SMTPUTF8"};
  if (path->first.starts_with("reject@"))
    return {"RCPT", "550 5.1.1 no such mailbox"};
  if (path->first.starts_with("later@"))
    return {"RCPT", "451 4.7.1 greylisted, try again later"};
  if (mail_.recipients.size() >= most_recipients)
    return {"RCPT", "452 4.5.3 too many recipients"};
  mail_.recipients.push_back(path->first);
  phase_ = phase::recipients;
  return {"RCPT", "250 2.1.5 ok"};
}

smtp_step smtp_dialogue::data_line(std::string_view line) {
  if (line != ".") {
    if (line.starts_with('.'))
      line.remove_prefix(1);
    if (mail_.data.size() + line.size() + 2 > largest_message)
      too_large_ = true;
    else
      mail_.data.append(line).append("\r\n");
    return {};
  }
  phase_ = phase::greeted;
  auto given = std::exchange(mail_, {});
  if (too_large_)
    return {"DATA", "552 5.3.4 too large"};
  if (auto fault = mail_fault(given))
    return {"DATA", *std::move(fault)};
  return {"DATA", "250 2.0.0 kept", false, std::move(given)};
}

} // namespace hub::http::sandbox
