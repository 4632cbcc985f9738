#pragma once

#include "domain/channel.hpp"
#include "domain/provider.hpp"
#include "domain/result.hpp"
#include "domain/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Telling the people who reported something what became of it.
namespace hub::domain {

/// What a workspace sets about it.
struct release_rules {
  std::chrono::milliseconds undo_within{10'000}; // nothing leaves before; it can be taken back
  int batch_above = 5;                           // resolutions of one cause within …
  std::chrono::seconds batch_within{300};        // … this wait for a person
  std::string whatsapp_template = "issue_resolved";
  std::vector<std::string> template_languages{"en_US"}; // the first is for everybody else
};

enum class notification_status : std::uint8_t {
  pending,
  pending_batch_review, // many at once: nothing leaves until a person lets them go
  sent,                 // the provider has it
  delivered,
  failed, // it is tried again
  permanently_failed,
  channel_restricted, // the channel does not let us write to this person now
  rejected,           // taken back, or refused by a person
  uncertain,          // it may have been sent, and only a person can tell
};
[[nodiscard]] std::string_view to_string(notification_status status);
[[nodiscard]] result<notification_status> parse_notification_status(std::string_view text);

/// Whether a person may be written to freely: WhatsApp allows it for 24 hours after they wrote.
/// A little less counts, since a message may wait for its turn. The epoch: they never wrote.
[[nodiscard]] bool within_reply_window(time_point last_message_at, time_point now);

/// Of the languages a template exists in the one for a person: theirs, else one of the same tongue,
/// else the first. Empty when there is none.
[[nodiscard]] std::string template_language(const std::vector<std::string>& existing,
                                            const std::optional<std::string>& locale);

/// `text` as a parameter of a template: on one line, at most 200 characters as people see them.
[[nodiscard]] std::string template_parameter(std::string_view text);

/// Where a notification goes, as the provider names it.
struct destination {
  provider whom{};
  std::string recipient;
  std::string thread; // empty: a message of its own
};

/// A channel's way to a person: into the conversation they wrote in, and where a report opened none
/// (Slack's commands, forms and workflows) to themselves. `not_found` where there is no way.
result<destination>
destination_of(channel where, const std::string& platform_user_id, const std::string& thread_id);

/// The subject of an answer by mail.
[[nodiscard]] std::string reply_subject(std::string_view title);

} // namespace hub::domain
