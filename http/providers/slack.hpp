#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"
#include "http/providers/sent.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Slack's Web API. Failures of readers: `rate_limited`, `unavailable` (nothing was done),
/// `unknown_outcome` (a post may have been done), `unauthorized` (the token), and for good:
/// `forbidden`, `not_found`, `too_large`, `invalid_input`.
namespace hub::http::providers::slack {

struct credentials {
  std::string base_url = "https://slack.com/api";
  std::string token;
};

struct message {
  std::string channel;
  std::string thread_ts;   // of the thread's first message; empty posts outside of threads
  std::string text;        // plain: what Slack would read as markup for mentions is escaped
  std::string delivery_id; // travels as metadata, so that the message can be found again
};

/// `too_large` above 40,000 characters, where Slack cuts without a word.
domain::result<client::call> post_message(const credentials& as, const message& what);
/// The id is the message's `ts`. A limit is always the account's: Slack has one for a channel and
/// one for the workspace, does not say which was hit, and wants the method left alone in both
/// cases.
domain::result<sent> read_post(const client::reply& answer, domain::time_point now);

/// Asks for a page of a thread with metadata, to see whether a delivery reached it. `cursor` is
/// empty for the first page; `thread_ts` must not be.
domain::result<client::call> find_delivery(const credentials& as,
                                           const std::string& channel,
                                           const std::string& thread_ts,
                                           const std::string& cursor);

/// Asks for a page of what was written in a channel, outside of threads, between two moments, with
/// metadata. `channel` is an id: Slack does not search by a person or a name.
domain::result<client::call> find_in_channel(const credentials& as,
                                             const std::string& channel,
                                             domain::time_point from,
                                             domain::time_point to,
                                             const std::string& cursor);
/// Whether a conversation is named by its id, so that it can be searched.
[[nodiscard]] bool is_conversation_id(std::string_view channel);

struct search_page {
  std::optional<sent> found;
  std::string next_cursor; // empty: that was the last page
};
/// The answer to either search.
domain::result<search_page>
read_find(const client::reply& answer, const std::string& delivery_id, domain::time_point now);

/// Asks who the token is.
client::call auth_test(const credentials& as);

struct identity {
  std::string team_id;
  std::string user_id;
  std::string bot_id;
};
domain::result<identity> read_auth_test(const client::reply& answer, domain::time_point now);

} // namespace hub::http::providers::slack
