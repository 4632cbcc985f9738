#pragma once

#include "domain/channel.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hub::domain {

/// A file that came with a report; its bytes stay with the provider until somebody asks.
struct attachment {
  std::string external_id;
  std::string file_name;
  std::string file_type;                 // MIME type as the provider states it, may be empty
  std::optional<std::int64_t> file_size; // bytes
  std::string url; // the provider's address, may need its token; empty where only an id is given
};

/// Who wrote, as the channel knows them.
struct author {
  std::string platform_user_id; // stable within the channel (and its team or app)
  std::string display_name;     // empty where the channel does not say
  std::optional<std::string> email;
  std::optional<std::string> locale;
};

/// One thing a person said, in the hub's own words, whatever channel it came from.
struct report {
  /// The conversation on its channel. Same key, same order: reports of one conversation are handled
  /// one after another.
  std::string conversation;
  /// The thread this report belongs to or opens, unique per channel (`ticket_sources`).
  std::string thread_id;
  /// This very message, unique per channel: the same message under two delivery ids is one message.
  std::string message_id;
  /// A message this one answers by quoting it: it belongs to that message's ticket.
  std::optional<std::string> quoted_message_id;
  /// True where the channel has no threads (WhatsApp): the report joins the sender's open ticket if
  /// they wrote within the reply window.
  bool joins_open_ticket = false;
  author from;
  std::string text; // plain UTF-8 text, never markup
  std::vector<attachment> attachments;
  std::string external_url; // opens the conversation in the provider's product, may be empty
  /// Small facts worth keeping with the ticket (channel name, command, button id), as flat text.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// What a provider says, by itself and later, of a message the hub sent.
struct send_report {
  uuid job;           // that sent it: its id travelled with the message; nil where it did not
  bool taken = false; // false: it was refused or will not arrive
  std::int64_t error_code = 0; // the provider's, where it was not taken
  std::string message_id = {}; // as the provider names it
  std::string said = {};       // sent, delivered, read, played or failed
};

/// An authentic delivery that carries no feedback: recorded, never a ticket.
struct not_feedback {
  std::string reason; // snake_case: bot_message, message_changed, message_deleted, status, ping …
  std::optional<send_report> of_sent = {};
};

/// What could not be understood, as the ledger keeps it.
struct not_understood {
  std::string error; // one sentence, without the content
};

/// What one item turned out to be.
using item_content = std::variant<report, not_feedback, not_understood>;

/// One unit of intake: what the ledger counts. A provider's POST holds one or several.
struct delivery_item {
  /// Unique per channel; a replay repeats it. Empty where the item's own id cannot be used.
  std::string delivery_id;
  /// The provider's own time of the event: the same in every replay, so it may pick the partition.
  time_point occurred_at{};
  /// Set when the POST held several items: this item alone, in a form the same normaliser reads.
  std::optional<std::string> own_payload;
  item_content content;
};

/// What a provider wants as the body of our 200, where it wants something of its own (Slack's
/// `url_verification`).
struct direct_answer {
  std::string content_type;
  std::string body;
};

/// A delivery, understood.
struct intake {
  std::vector<delivery_item> items;
  std::optional<direct_answer> answer;
};

/// The bytes of an authentic delivery and what the request said about them.
struct raw_delivery {
  std::string_view body;
  std::string_view content_type;
  time_point received_at{};
};

// One normaliser per channel: bytes in, canonical reports out. Pure; any bytes are allowed. A
// failure means "authentic but not understood": the delivery is quarantined with the message.
result<intake> normalise_slack(const raw_delivery& delivery);
result<intake> normalise_intercom(const raw_delivery& delivery);
result<intake> normalise_whatsapp(const raw_delivery& delivery);

} // namespace hub::domain
