#pragma once

#include "domain/audit.hpp"
#include "domain/job.hpp"
#include "domain/release.hpp"
#include "domain/report.hpp"
#include "domain/stored_file.hpp"
#include "domain/ticket.hpp"
#include "domain/uuid.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hub::domain {

enum class provider : std::uint8_t; // domain/provider.hpp

/// What became of one delivery; the columns of the intake ledger.
enum class delivery_outcome : std::uint8_t {
  created,
  attached,
  duplicate,
  not_feedback,
  quarantined,
};

inline constexpr std::array all_delivery_outcomes{delivery_outcome::created,
                                                  delivery_outcome::attached,
                                                  delivery_outcome::duplicate,
                                                  delivery_outcome::not_feedback,
                                                  delivery_outcome::quarantined};

[[nodiscard]] std::string_view to_string(delivery_outcome which);
[[nodiscard]] result<delivery_outcome> parse_delivery_outcome(std::string_view text);

/// An authentic delivery as it will be kept. `payload` is plain here and sealed by storage.
struct delivery_record {
  uuid id;
  channel platform{};
  std::string external_id;
  time_point occurred_at{};
  time_point received_at{};
  std::string content_type;
  std::shared_ptr<const std::string> payload;
  delivery_outcome outcome = delivery_outcome::quarantined; // until the journal knows better
  std::string error;
  /// Set when this is a replay: the quarantined row it settles instead of adding one. An empty
  /// payload then takes the place of the row's.
  std::optional<uuid> settles;
};

/// Who wrote. The journal finds or makes the person: by e-mail first, else by identity.
struct person_record {
  uuid new_reporter_id; // used when the person is new
  channel platform{};
  std::string platform_user_id; // empty: known by e-mail (or name) alone
  std::string display_name;
  std::optional<std::string> email;
  std::optional<std::string> locale;
  time_point wrote_at{};
};

/// Where a report belongs, if anything of it is known already: the journal looks these up in the
/// transaction that would open a ticket.
struct thread_lookup {
  std::string thread_id;
  std::optional<std::string> quoted_message_id;
  /// Set on channels without threads: the sender's open ticket counts if they wrote since then.
  std::optional<time_point> joins_since;
};

/// A new ticket. Its number and reporter are given by the journal.
struct ticket_record {
  uuid id;
  std::string title;       // scrubbed
  std::string description; // scrubbed
  ticket_type type{};
  priority urgency = 3;
  channel original_channel{};
  std::vector<std::string> tags;
  std::string metadata = "{}"; // JSON object
  std::vector<std::string> pii_types;
  std::string external_url;
  /// Empty for tickets made by hand.
  std::optional<thread_lookup> thread;
};

/// A change of a ticket, valid only for `expected_version`. Unset fields stay.
struct ticket_update {
  uuid id;
  std::int64_t expected_version = 0;
  std::optional<std::string> title;
  std::optional<std::string> description;
  std::optional<ticket_type> type;
  std::optional<priority> urgency;
  std::optional<ticket_status> status;
  std::optional<std::vector<std::string>> tags;
  std::vector<std::string> more_pii_types; // joined to those the ticket has
  std::optional<std::string> cause = {};   // who or what resolves it
};

struct message_record {
  uuid id;
  uuid ticket_id;
  channel platform{};
  std::string external_id;           // empty for what was not said on a channel
  std::string direction = "inbound"; // inbound, outbound, note
  std::string author;
  std::string body;                    // scrubbed
  std::optional<std::string> original; // set where scrubbing changed the text; sealed by storage
  std::vector<std::string> pii_types;
};

struct attachment_record {
  uuid id;
  attachment file;
};

struct event_record {
  uuid id;
  uuid ticket_id;
  std::string type; // past participle: created, message_received, status_changed …
  std::string actor_type = "system"; // user, system, notion_sync, ai
  std::optional<std::string> actor_id;
  std::string data = "{}"; // JSON object, never customer text
};

/// Ties a mutation to the caller's Idempotency-Key.
struct idempotency_record {
  std::string key;
  std::array<std::uint8_t, 32> request_hash{};
  int status = 200;
};

/// The answer a mutation gave, kept so that its Idempotency-Key gives it again.
struct answer_record {
  std::string key;
  std::string body; // JSON
};

/// What an operator decides about a dead letter.
struct dead_letter_step {
  enum class kind : std::uint8_t { resolve, retry };
  kind what{};
  uuid id;
  /// For `retry`: the job that takes its place.
  uuid new_job;
  /// For `retry`: also where the outcome is unknown and a second send may reach somebody twice.
  bool although_unknown = false;
};

/// What an operator tells one kind of job; what is not set stays.
struct job_control {
  job_kind kind{};
  std::optional<job_kind_state> state;
  std::optional<bool> force_fail; // the next attempt fails, once
};

/// A provider wants no calls of the workspace until then; the latest time counts.
struct cooldown_record {
  provider whom{};
  time_point until{};
};

/// One state change, whole: it is committed with all its rows or not at all. The journal is the
/// only place that writes, and a Change is the only thing it takes.
struct change {
  uuid workspace;
  time_point at{};
  std::optional<delivery_record> delivery;
  std::optional<person_record> author;
  std::optional<ticket_record> opens;
  std::optional<ticket_update> updates;
  std::optional<message_record> message;
  std::vector<attachment_record> attachments;
  std::vector<event_record> events;
  std::optional<idempotency_record> idempotency;
  std::optional<answer_record> answer;
  std::vector<job_record> jobs; // done once this is committed
  std::optional<job_step> step; // `conflict` when the claim is no longer the attempt's own
  std::optional<dead_letter_step> dead_letter; // `conflict` when somebody else settled it
  std::optional<job_control> control;
  std::optional<audit_record> action; // kept as a record of who did it
  /// Settles the job it is about where nobody else could tell whether it sent.
  std::optional<send_report> of_sent;
  std::optional<triage_record> triage = {};
  std::optional<triage_decision> triage_decided = {}; // with `updates`: of that ticket
  std::optional<changelog_step> changelog = {};
  std::optional<notification_step> notification = {};
  std::optional<batch_review> review = {};
  std::optional<cooldown_record> cooldown = {};
  std::optional<file_settlement> file = {}; // that an attempt to fetch it brought
};

/// The journal's answer to one Change. Only `committed` means that its rows are there. Of what is
/// `duplicate` or `quarantined` at most the delivery is recorded, of everything else nothing.
struct verdict {
  enum class kind : std::uint8_t {
    committed,    // all rows are durable
    duplicate,    // this delivery, message or idempotency key is known; `ticket_id` says as what
    known_thread, // the thread has a ticket already: send the report there
    conflict,     // the ticket (or job, or dead letter) is not where the Change expected it
    quarantined,  // the database refused the Change; its delivery is kept for operators
    failed,       // nothing happened; `why` says why and whether trying again helps
  };
  kind what = kind::failed;
  uuid ticket_id;
  uuid delivery_id;
  std::int64_t version = 0;
  std::int64_t number = 0;
  /// For duplicates: what the first one became.
  delivery_outcome first_outcome = delivery_outcome::created;
  /// For duplicates by idempotency key: whether the request was the same one.
  bool same_request = true;
  std::optional<failure> why;
};

/// What a ticket's owner must remember to decide; everything else stays in the database.
struct ticket_core {
  uuid workspace;
  uuid id;
  std::int64_t number = 0;
  std::int64_t version = 0;
  ticket_status status{};
  ticket_type type{};
  priority urgency = 3;
};

} // namespace hub::domain
