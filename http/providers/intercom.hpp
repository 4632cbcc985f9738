#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"
#include "http/providers/sent.hpp"

#include <optional>
#include <string>

/// Intercom's REST API, version 2.16. Failures of readers as in slack.hpp; a rate limit's
/// `retry_after` comes from X-RateLimit-Reset.
namespace hub::http::providers::intercom {

struct credentials {
  std::string base_url = "https://api.intercom.io"; // or a region's
  std::string token;
  std::string admin_id; // who replies
};

/// Replies to a conversation as the admin; the plain text becomes HTML paragraphs.
domain::result<client::call>
reply_to(const credentials& as, const std::string& conversation_id, const std::string& text);
/// The id is that of the newest part an admin wrote, in the conversation that comes back.
domain::result<sent> read_reply(const client::reply& answer, domain::time_point now);

/// Fetches a conversation with its newest parts.
domain::result<client::call> get_conversation(const credentials& as,
                                              const std::string& conversation_id);

struct part_search {
  std::optional<sent> found;
  bool whole = false; // every part was there to look at: not found means not sent
};
/// Looks for a comment of the admin's with that text, written at `since` or later. Mark-up, white
/// space and Intercom's own changes to either do not count.
domain::result<part_search> read_find(const client::reply& answer,
                                      const std::string& admin_id,
                                      const std::string& text,
                                      domain::time_point since,
                                      domain::time_point now);

/// Asks who the token is.
client::call me(const credentials& as);

struct identity {
  std::string admin_id;
  std::string app_id;
  std::string region; // "US", "EU", "AU"
};
domain::result<identity> read_me(const client::reply& answer, domain::time_point now);

} // namespace hub::http::providers::intercom
