#include "http/providers/whatsapp.hpp"

#include "domain/json_reading.hpp"
#include "http/providers/reading.hpp"
#include "http/providers/writing.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace hub::http::providers::whatsapp {

namespace {

using domain::errc;
using domain::fail;
using domain::json;

constexpr std::size_t longest_text = 4'096;

struct known_code {
  std::int64_t code;
  errc means;
  domain::limit_scope limits = domain::limit_scope::account;
};

constexpr std::array<known_code, 41> known_codes{{
  {0, errc::unauthorized},
  {1, errc::unknown_outcome},
  {2, errc::unknown_outcome},
  {3, errc::forbidden},
  {4, errc::rate_limited},
  {10, errc::forbidden},
  {190, errc::unauthorized},
  {368, errc::forbidden}, // blocked for breaking a policy
  {613, errc::rate_limited},
  {80'007, errc::rate_limited},
  {130'429, errc::rate_limited},
  {130'472, errc::forbidden}, // the person is in one of Meta's experiments
  {130'497, errc::forbidden},
  {131'000, errc::unknown_outcome},
  {131'005, errc::forbidden},
  {131'016, errc::unavailable},
  {131'021, errc::invalid_input},
  {131'026, errc::not_found}, // undeliverable: not on WhatsApp, or blocked us
  {131'030, errc::forbidden},
  {131'031, errc::forbidden},
  {131'042, errc::forbidden}, // payment
  {131'045, errc::forbidden},
  {131'047, errc::conflict}, // outside the 24-hour window
  {131'048, errc::rate_limited},
  {131'049, errc::forbidden}, // "to maintain a healthy ecosystem": do not retry
  {131'050, errc::forbidden}, // the person opted out
  {131'056, errc::rate_limited, domain::limit_scope::recipient}, // from us to this person
  {131'057, errc::unavailable},
  {132'000, errc::unsupported_media}, // the template has other parameters …
  {132'001, errc::unsupported_media}, // … does not exist in that language
  {132'005, errc::unsupported_media}, // … has no room for them
  {132'007, errc::unsupported_media}, // … breaks a policy
  {132'012, errc::unsupported_media}, // … has parameters of another form
  {132'015, errc::unsupported_media}, // … is paused
  {132'016, errc::unsupported_media}, // … is disabled
  {132'068, errc::forbidden},
  {132'069, errc::forbidden},
  {133'004, errc::unavailable},
  {133'010, errc::forbidden}, // the number is not registered
  {133'016, errc::rate_limited},
  {135'000, errc::invalid_input},
}};

bool is_phone(std::string_view to) {
  if (to.starts_with('+'))
    to.remove_prefix(1);
  return to.size() >= 5 && to.size() <= 20
         && std::ranges::all_of(to, [](char c) { return c >= '0' && c <= '9'; });
}

json common(std::string_view to,
            std::string_view type,
            const std::string& quoted,
            const std::string& delivery_id) {
  json body{{"messaging_product", "whatsapp"},
            {"recipient_type", "individual"},
            {"to", to},
            {"type", type}};
  if (!quoted.empty())
    body["context"] = {{"message_id", quoted}};
  if (!delivery_id.empty())
    body["biz_opaque_callback_data"] = delivery_id;
  return body;
}

client::call messages_call(const credentials& as, const json& body) {
  std::string path{"/"};
  path.append(encoded(as.phone_number_id)).append("/messages");
  return bearer_call("whatsapp", "messages", "POST", as.base_url, path, as.token, body);
}

/// Null for a code nobody lists.
const known_code* find_code(std::int64_t code) {
  const auto found = std::ranges::find(known_codes, code, &known_code::code);
  return found == known_codes.end() ? nullptr : &*found;
}

/// What an error with this code says of the call.
domain::failure refusal(const verdict& found, std::int64_t code) {
  const auto shown = std::to_string(code);
  const auto* known = find_code(code);
  const auto means = meaning_of(code);
  // A code nobody lists means what the status says of it.
  auto why = known != nullptr || means == errc::forbidden ? found.because(means, shown)
                                                          : found.by_status(shown);
  if (known != nullptr)
    why.limits = known->limits;
  return why;
}

std::string folded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!blank)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (out.ends_with(' '))
    out.pop_back();
  return out;
}

} // namespace

errc meaning_of(std::int64_t code) {
  if (const auto* known = find_code(code))
    return known->means;
  return code >= 200 && code < 300 ? errc::forbidden : errc::invalid_input;
}

domain::result<client::call> send_text(const credentials& as, const text_message& what) {
  if (!is_phone(what.to) || what.text.empty() || as.phone_number_id.empty())
    return fail(errc::invalid_input, "whatsapp: a message needs a number, a sender and a text");
  if (utf16_length(what.text) > longest_text)
    return fail(errc::too_large, "whatsapp: the message is longer than 4,096 characters");
  auto body = common(what.to, "text", what.quoted_message_id, what.delivery_id);
  body["text"] = {{"body", what.text}, {"preview_url", false}};
  return messages_call(as, body);
}

domain::result<client::call> send_template(const credentials& as, const template_message& what) {
  if (!is_phone(what.to) || what.name.empty() || what.language.empty()
      || as.phone_number_id.empty())
    return fail(errc::invalid_input,
                "whatsapp: a template needs a number, a sender, a name and a language");
  auto body = common(what.to, "template", what.quoted_message_id, what.delivery_id);
  body["template"] = {{"name", what.name}, {"language", {{"code", what.language}}}};
  if (!what.body_parameters.empty()) {
    auto parameters = json::array();
    for (const auto& text : what.body_parameters)
      parameters.push_back({{"type", "text"}, {"text", folded(text)}});
    body["template"]["components"] =
      json::array({{{"type", "body"}, {"parameters", std::move(parameters)}}});
  }
  return messages_call(as, body);
}

domain::result<sent> read_sent(const client::reply& answer, domain::time_point now) {
  const verdict found{"whatsapp", answer, effect::sends, now};
  const auto body = object_in(answer);
  if (const auto code = domain::number_of(domain::value_at(body, "error", "code")))
    return refusal(found, *code);
  if (answer.status != 200)
    return found.by_status("");
  const auto& messages = domain::list_at(body, "messages");
  auto id = messages.empty() ? std::string{} : domain::text_at(messages.front(), "id");
  if (id.empty())
    return found.unexplained("no_message_id");
  return sent{std::move(id)};
}

} // namespace hub::http::providers::whatsapp
