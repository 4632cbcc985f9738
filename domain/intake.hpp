#pragma once

#include "domain/change.hpp"
#include "domain/infer.hpp"
#include "domain/report.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hub::domain {

/// What every report goes through before anybody stores it.
struct prepared_text {
  std::string title;                   // scrubbed
  std::string body;                    // scrubbed
  std::optional<std::string> original; // set where scrubbing changed the text
  std::vector<std::string> pii_types;
  inference suggested;
};

/// Scrubs, titles and classifies a text.
prepared_text prepare(const std::string& text);

/// One unit of intake on its way to a ticket.
struct intake_item {
  uuid workspace;
  channel platform{};
  std::string delivery_id;
  time_point occurred_at{};
  time_point received_at{};
  std::string content_type;
  std::shared_ptr<const std::string> payload;
  /// Set when a stored delivery is read again: its row is settled, none is added.
  std::optional<uuid> settles;
  std::optional<actor_stamp> replayed_by; // who asked for that
  item_content content;
  prepared_text prepared; // of the report

  /// What must keep its order: the conversation, or the delivery where there is none.
  [[nodiscard]] std::string order_key() const;
};

/// How reports become tickets; settings.
struct intake_rules {
  bool reopen_resolved = true; // a message in a resolved or closed thread opens its ticket again
  std::chrono::seconds reply_window{24 * 3600}; // how long a WhatsApp sender's next message joins
  bool triage = false;                          // a new ticket is triaged at once
};

/// Whether there is something to fetch a file by: an address, or an id that its provider knows.
[[nodiscard]] bool can_be_fetched(channel from, const attachment& file);

/// What the unfinished job that fetches an attachment is known by.
[[nodiscard]] std::string fetch_key(const uuid& attachment);

// Decisions: an item and what is known become the Change to commit. Pure; ids come from the caller.

/// The Change that opens a ticket for the item's report, if its thread is not known.
change
opening(const intake_item& item, const intake_rules& rules, uuid_generator& ids, time_point now);

/// The Change that adds the item's report to a ticket.
change attaching(const intake_item& item,
                 const ticket_core& ticket,
                 const intake_rules& rules,
                 uuid_generator& ids,
                 time_point now);

/// The Change that records a delivery without feedback, or one that was not understood.
change recording(const intake_item& item, uuid_generator& ids, time_point now);

/// What a person asks of a ticket. Unset fields stay.
struct ticket_patch {
  std::optional<std::string> title;
  std::optional<std::string> description;
  std::optional<ticket_type> type;
  std::optional<priority> urgency;
  std::optional<ticket_status> status;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::int64_t> expected_version; // from If-Match
  std::optional<triage_decision> decision = {}; // … about the suggestion that waits
  std::optional<std::string> actor_id;          // who asks, as the ticket's history shows it
  std::optional<actor_stamp> by;                // … and as the record of who did what keeps it
  std::optional<idempotency_record> idempotency;
};

/// The Change that applies a patch; nothing when the ticket is that way already. `conflict` for a
/// stale version, `invalid_input` for a step the state machine forbids.
result<std::optional<change>>
editing(const ticket_patch& patch, const ticket_core& ticket, uuid_generator& ids, time_point now);

/// Has a ticket triaged; joins the job that is to do so already.
job_record triage_job(const uuid& ticket, uuid_generator& ids, time_point now);

/// A Change that no ticket takes: the journal answers `duplicate` where the patch's Idempotency-Key
/// is known, else `conflict`. For a patch that is refused, perhaps only because it was done
/// already.
change recalling(const ticket_patch& patch, const ticket_core& ticket, time_point now);

/// A ticket made by hand.
struct new_ticket {
  uuid workspace;
  std::string title;
  std::string description;
  std::optional<ticket_type> type; // inferred when unset
  std::optional<priority> urgency;
  channel original_channel = channel::api;
  std::string reporter_name;
  std::optional<std::string> reporter_email;
  bool triage = false;                 // as in `intake_rules`
  std::optional<std::string> actor_id; // as in `ticket_patch`
  std::optional<actor_stamp> by;
  std::optional<idempotency_record> idempotency;
};

/// The Change that creates a ticket by hand.
change creating(const new_ticket& asked, uuid_generator& ids, time_point now);

/// The core as it is after `done` was committed as version `version`.
ticket_core after(ticket_core before, const ticket_update& done, std::int64_t version);

} // namespace hub::domain
