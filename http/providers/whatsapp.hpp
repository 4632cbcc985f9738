#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"
#include "http/providers/sent.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Meta's WhatsApp Cloud API. Failures of readers as in slack.hpp, and `conflict`: the person has
/// not written for 24 hours, so only a template may be sent; `unsupported_media`: Meta has no such
/// template, or does not let it be used.
namespace hub::http::providers::whatsapp {

struct credentials {
  std::string base_url = "https://graph.facebook.com/v23.0"; // with the version
  std::string phone_number_id;
  std::string token;
};

struct text_message {
  std::string to; // digits
  std::string text;
  std::string quoted_message_id; // empty quotes nothing
  std::string delivery_id;       // comes back in every status of the message
};
/// `too_large` above 4,096 characters.
domain::result<client::call> send_text(const credentials& as, const text_message& what);

struct template_message {
  std::string to;
  std::string name;
  std::string language;                     // "en_US"
  std::vector<std::string> body_parameters; // white space is folded: Meta refuses line breaks here
  std::string quoted_message_id;
  std::string delivery_id;
};
domain::result<client::call> send_template(const credentials& as, const template_message& what);

/// The id ("wamid.…") is what statuses refer to. A limit on messages to this one person says so in
/// `failure::limits`; every other limit is the account's.
domain::result<sent> read_sent(const client::reply& answer, domain::time_point now);

/// What one of Meta's error codes means: in an answer, and in the `errors` of a status that says
/// `failed`. `unknown_outcome` stands for an error Meta does not explain.
[[nodiscard]] domain::errc meaning_of(std::int64_t code);

} // namespace hub::http::providers::whatsapp
