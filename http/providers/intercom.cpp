#include "http/providers/intercom.hpp"

#include "domain/json_reading.hpp"
#include "domain/text.hpp"
#include "http/providers/reading.hpp"
#include "http/providers/writing.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace hub::http::providers::intercom {

namespace {

using domain::errc;
using domain::fail;
using domain::json;

client::call versioned(client::call what) {
  what.headers.emplace_back("Intercom-Version", "2.16");
  return what;
}

std::string conversation_path(const std::string& id) {
  return "/conversations/" + encoded(id);
}

/// An empty line ends a paragraph, a single break stays one.
std::string html_of(std::string_view text) {
  std::string html{"<p>"};
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    html += html_escaped(line);
    at = end;
    std::size_t breaks = 0;
    for (; at < text.size() && (text[at] == '\n' || text[at] == '\r'); ++at)
      breaks += text[at] == '\n' ? 1U : 0U;
    if (at < text.size() && breaks > 0)
      html += breaks > 1 ? "</p><p>" : "<br>";
  }
  return html += "</p>";
}

/// The words alone: what survives however Intercom rewrites the HTML it was sent.
std::string words_of(std::string_view text) {
  std::string words;
  for (const char c : text)
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
      words += c;
  return words;
}

domain::result<json> body_of(const client::reply& answer, effect what, domain::time_point now) {
  const verdict found{"intercom", answer, what, now};
  auto body = object_in(answer);
  if (answer.status == 200) {
    if (body.is_null())
      return found.unexplained("no_answer_of_intercom");
    return body;
  }
  const auto& errors = domain::list_at(body, "errors");
  auto why = found.by_status(errors.empty() ? "" : domain::text_at(errors.front(), "code"));
  if (why.code == errc::rate_limited && !why.retry_after)
    if (const auto reset = domain::moment_of(json(std::string{answer.header("x-ratelimit-reset")})))
      why.retry_after = until(*reset, now);
  return why;
}

bool is_admin(const json& part) {
  return domain::text_at(part, "author", "type") == "admin";
}

const json& parts_of(const json& conversation) {
  return domain::list_at(conversation, "conversation_parts", "conversation_parts");
}

} // namespace

domain::result<client::call>
reply_to(const credentials& as, const std::string& conversation_id, const std::string& text) {
  if (conversation_id.empty() || as.admin_id.empty() || text.empty())
    return fail(errc::invalid_input, "intercom: a reply needs a conversation, an admin and a text");
  return versioned(bearer_call("intercom",
                               "conversations.reply",
                               "POST",
                               as.base_url,
                               conversation_path(conversation_id) + "/reply",
                               as.token,
                               {{"message_type", "comment"},
                                {"type", "admin"},
                                {"admin_id", as.admin_id},
                                {"body", html_of(text)}}));
}

domain::result<sent> read_reply(const client::reply& answer, domain::time_point now) {
  const auto body = body_of(answer, effect::sends, now);
  if (!body)
    return body.why();
  if (domain::text_at(*body, "type") != "conversation")
    return verdict{"intercom", answer, effect::sends, now}.unexplained("no_conversation");
  sent newest;
  for (const auto& part : parts_of(*body))
    if (is_admin(part))
      newest.provider_message_id = domain::id_at(part, "id");
  return newest;
}

domain::result<client::call> get_conversation(const credentials& as,
                                              const std::string& conversation_id) {
  if (conversation_id.empty())
    return fail(errc::invalid_input, "intercom: no conversation is named");
  auto what = versioned(bearer_call("intercom",
                                    "conversations.get",
                                    "GET",
                                    as.base_url,
                                    conversation_path(conversation_id),
                                    as.token));
  what.repeatable = true;
  return what;
}

domain::result<part_search> read_find(const client::reply& answer,
                                      const std::string& admin_id,
                                      const std::string& text,
                                      domain::time_point since,
                                      domain::time_point now) {
  const auto body = body_of(answer, effect::none, now);
  if (!body)
    return body.why();
  if (domain::text_at(*body, "type") != "conversation")
    return verdict{"intercom", answer, effect::none, now}.unexplained("no_conversation");
  const auto wanted = words_of(text);
  const auto& parts = parts_of(*body);
  part_search search;
  const auto total =
    domain::number_of(domain::value_at(*body, "conversation_parts", "total_count"));
  search.whole = total && *total <= static_cast<std::int64_t>(parts.size());
  for (const auto& part : parts) {
    const auto written = domain::moment_at(part, "created_at");
    // Intercom's times are whole seconds.
    if (is_admin(part) && domain::id_at(part, "author", "id") == admin_id && written
        && *written + std::chrono::seconds{1} > since
        && words_of(domain::html_to_text(domain::text_at(part, "body"))) == wanted)
      search.found = sent{domain::id_at(part, "id")};
  }
  return search;
}

client::call me(const credentials& as) {
  auto what = versioned(bearer_call("intercom", "me", "GET", as.base_url, "/me", as.token));
  what.repeatable = true;
  return what;
}

domain::result<identity> read_me(const client::reply& answer, domain::time_point now) {
  const auto body = body_of(answer, effect::none, now);
  if (!body)
    return body.why();
  return identity{domain::id_at(*body, "id"),
                  domain::id_at(*body, "app", "id_code"),
                  domain::text_at(*body, "app", "region")};
}

} // namespace hub::http::providers::intercom
