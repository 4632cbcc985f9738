#include "http/providers/slack.hpp"

#include "http/providers/reading.hpp"
#include "http/providers/writing.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace hub::http::providers::slack {

namespace {

using domain::errc;
using domain::fail;
using domain::json;

constexpr std::size_t longest_text = 40'000;
constexpr std::string_view event_type = "feedback_hub_delivery";

// What is not listed is a request Slack will never take.
constexpr std::array<std::pair<std::string_view, errc>, 38> meanings{{
  {"ratelimited", errc::rate_limited},
  {"rate_limited", errc::rate_limited},
  {"service_unavailable", errc::unavailable},
  {"team_added_to_org", errc::unavailable}, // while Slack moves the workspace
  {"request_timeout", errc::unavailable},   // Slack did not get the whole request
  {"internal_error", errc::unknown_outcome},
  {"fatal_error", errc::unknown_outcome},
  {"invalid_auth", errc::unauthorized},
  {"not_authed", errc::unauthorized},
  {"account_inactive", errc::unauthorized},
  {"token_revoked", errc::unauthorized},
  {"token_expired", errc::unauthorized},
  {"org_login_required", errc::unauthorized},
  {"two_factor_setup_required", errc::unauthorized},
  {"access_denied", errc::forbidden},
  {"accesslimited", errc::forbidden},
  {"ekm_access_denied", errc::forbidden},
  {"is_archived", errc::forbidden},
  {"message_limit_exceeded", errc::forbidden},
  {"missing_scope", errc::forbidden},
  {"no_permission", errc::forbidden},
  {"not_allowed_token_type", errc::forbidden},
  {"not_in_channel", errc::forbidden},
  {"restricted_action", errc::forbidden},
  {"restricted_action_non_threadable_channel", errc::forbidden},
  {"restricted_action_read_only_channel", errc::forbidden},
  {"restricted_action_thread_locked", errc::forbidden},
  {"restricted_action_thread_only_channel", errc::forbidden},
  {"team_access_not_granted", errc::forbidden},
  {"team_not_found", errc::not_found},
  {"channel_not_found", errc::not_found},
  {"thread_not_found", errc::not_found},
  {"message_not_found", errc::not_found},
  {"user_not_found", errc::not_found},
  {"msg_too_long", errc::too_large},
  {"msg_blocks_too_long", errc::too_large},
  {"metadata_too_large", errc::too_large},
  {"request_too_large", errc::too_large},
}};

/// The answer's object, or what is wrong with it.
domain::result<json> body_of(const client::reply& answer, effect what, domain::time_point now) {
  const verdict found{"slack", answer, what, now};
  auto body = object_in(answer);
  const auto error = domain::text_at(body, "error");
  if (answer.status != 200)
    return found.by_status(error);
  const auto& ok = domain::member(body, "ok");
  if (ok == json(true))
    return body;
  if (ok != json(false) || error.empty())
    return found.unexplained("no_answer_of_slack");
  const auto known =
    std::ranges::find(meanings, error, [](const auto& entry) { return entry.first; });
  if (known == meanings.end())
    return found.because(errc::invalid_input, error);
  if (known->second == errc::unknown_outcome)
    return found.unexplained(error);
  return found.because(known->second, error);
}

/// Slack reads `<!channel>` and `<@U1>` as mentions; these three characters are all it wants
/// escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

/// A moment as Slack writes it: seconds and a fraction.
std::string ts_of(domain::time_point when) {
  const auto ms = when.time_since_epoch().count();
  const auto fraction = std::to_string(ms % 1000);
  return std::to_string(ms / 1000) + '.' + std::string(3 - fraction.size(), '0') + fraction + "000";
}

/// A page of messages with their metadata, by a method that reads.
client::call search(const credentials& as,
                    const char* method,
                    const std::string& query,
                    const std::string& cursor) {
  std::string path{"/"};
  path.append(method).append(query).append("&include_all_metadata=true&limit=200");
  if (!cursor.empty())
    path.append("&cursor=").append(encoded(cursor));
  auto what = bearer_call("slack", method, "GET", as.base_url, path, as.token);
  what.repeatable = true;
  return what;
}

} // namespace

domain::result<client::call> post_message(const credentials& as, const message& what) {
  if (what.channel.empty() || what.text.empty())
    return fail(errc::invalid_input, "slack: a message needs a channel and a text");
  auto text = escaped(what.text);
  if (utf16_length(text) > longest_text)
    return fail(errc::too_large, "slack: the message is longer than 40,000 characters");
  json body{{"channel", what.channel},
            {"text", std::move(text)},
            {"unfurl_links", false},
            {"metadata",
             {{"event_type", event_type}, {"event_payload", {{"delivery_id", what.delivery_id}}}}}};
  if (!what.thread_ts.empty())
    body["thread_ts"] = what.thread_ts;
  return bearer_call(
    "slack", "chat.postMessage", "POST", as.base_url, "/chat.postMessage", as.token, body);
}

domain::result<sent> read_post(const client::reply& answer, domain::time_point now) {
  const auto body = body_of(answer, effect::sends, now);
  if (!body)
    return body.why();
  auto ts = domain::text_at(*body, "ts");
  if (ts.empty())
    return verdict{"slack", answer, effect::sends, now}.unexplained("no_ts");
  return sent{std::move(ts)};
}

domain::result<client::call> find_delivery(const credentials& as,
                                           const std::string& channel,
                                           const std::string& thread_ts,
                                           const std::string& cursor) {
  if (channel.empty() || thread_ts.empty())
    return fail(errc::invalid_input, "slack: a thread is found by its channel and its ts");
  return search(as,
                "conversations.replies",
                "?channel=" + encoded(channel) + "&ts=" + encoded(thread_ts),
                cursor);
}

bool is_conversation_id(std::string_view channel) {
  return channel.starts_with('C') || channel.starts_with('G') || channel.starts_with('D');
}

domain::result<client::call> find_in_channel(const credentials& as,
                                             const std::string& channel,
                                             domain::time_point from,
                                             domain::time_point to,
                                             const std::string& cursor) {
  if (!is_conversation_id(channel))
    return fail(errc::invalid_input, "slack: only a conversation's id can be searched");
  return search(as,
                "conversations.history",
                "?channel=" + encoded(channel) + "&oldest=" + ts_of(from) + "&latest=" + ts_of(to)
                  + "&inclusive=true",
                cursor);
}

domain::result<search_page>
read_find(const client::reply& answer, const std::string& delivery_id, domain::time_point now) {
  const auto body = body_of(answer, effect::none, now);
  if (!body)
    return body.why();
  if (!domain::member(*body, "messages").is_array())
    return verdict{"slack", answer, effect::none, now}.unexplained("no_messages");
  search_page page;
  for (const auto& message : domain::list_at(*body, "messages"))
    if (domain::text_at(message, "metadata", "event_type") == event_type
        && domain::text_at(message, "metadata", "event_payload", "delivery_id") == delivery_id)
      page.found = sent{domain::text_at(message, "ts")};
  if (!page.found)
    page.next_cursor = domain::text_at(*body, "response_metadata", "next_cursor");
  return page;
}

client::call auth_test(const credentials& as) {
  auto what =
    bearer_call("slack", "auth.test", "POST", as.base_url, "/auth.test", as.token, json::object());
  what.repeatable = true;
  return what;
}

domain::result<identity> read_auth_test(const client::reply& answer, domain::time_point now) {
  const auto body = body_of(answer, effect::none, now);
  if (!body)
    return body.why();
  return identity{domain::text_at(*body, "team_id"),
                  domain::text_at(*body, "user_id"),
                  domain::text_at(*body, "bot_id")};
}

} // namespace hub::http::providers::slack
