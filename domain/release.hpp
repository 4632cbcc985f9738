#pragma once

#include "domain/channel.hpp"
#include "domain/suggestion.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The ways in which triage, changelog entries and notifications change. Each is part of a Change
/// and judged against the rows as they are in its transaction.
namespace hub::domain {

/// What asking a model took. Empty where a person wrote instead.
struct model_use {
  std::string model; // "local": no model was asked
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::chrono::milliseconds latency{};
};

/// What became of a ticket's triage. A new suggestion takes the place of the one before, and waits
/// for a decision of its own.
struct triage_record {
  uuid ticket;
  /// Unset: a triage was asked for and is to come.
  std::optional<triage_suggestion> suggested;
  model_use by;
};

/// What a person says to a suggestion. `conflict` where none waits for it.
struct triage_decision {
  bool accepted = false;
  bool edited = false; // not as it was suggested
  std::string person;  // as shown
  /// When the suggestion came that the person speaks of; a newer one is not meant.
  std::optional<time_point> of = {};
};

/// What is to be said to one person on one channel.
struct notification_record {
  uuid id; // also of the job that sends it first
  channel platform{};
  std::string platform_user_id; // of the reporter's identity there
  std::string thread_id;        // the conversation it answers in; empty: none
  std::string content;          // as it is sent on this channel
};

/// A step of a ticket's changelog entry. `conflict` where it is not at that version or status,
/// `invalid_input` where the ticket is not resolved, `not_found` without a draft.
struct changelog_step {
  enum class kind : std::uint8_t {
    draft,     // a first draft, or another in its place with `instead`
    revise,    // a person's edit of the draft
    approve,   // and notify
    take_back, // before anything of it was sent: a draft again, as a new entry
  };
  kind what{};
  uuid ticket;
  uuid entry; // the draft's; of a new one its id
  std::optional<std::int64_t> expected_version;
  std::string content;     // of `draft` and `revise`
  bool instead = false;    // `draft` writes over a draft that is there; else that is a conflict
  model_use by_model = {}; // `draft`
  time_point seen_until{}; // `draft`: the newest message of the reporter that it could know of
  std::string person = {}; // who asks, as shown
  std::optional<uuid> person_id = {};
  // Of `approve`:
  bool although_newer = false; // the person knows of newer messages than the draft does
  std::vector<notification_record> notifications = {};
  std::chrono::milliseconds undo_within{}; // until the first send
  /// More resolutions than these by one cause within that time: they wait for a review.
  std::int64_t batch_above = 5;
  std::chrono::seconds batch_within{300};
};

/// A step of a notification by the job that sends it. `conflict` where it may not be sent (any
/// more): taken back, rejected, sent already, or another job's.
struct notification_step {
  enum class kind : std::uint8_t {
    begin, // about to be sent
    sent,  // the provider has it
    retry, // a person wants what failed for good sent again, by `new_job`
  };
  kind what{};
  uuid notification;
  uuid job;
  uuid attempt; // the job's claim
  std::string provider_message_id = {};
  bool by_template = false; // WhatsApp: outside of the time for free text
  bool arrived = false;     // in the app: sent is delivered
  uuid new_job = {};
};

/// What somebody decides about notifications that wait for a review.
struct batch_review {
  bool approved = false;
  std::vector<uuid> notifications; // empty: all that wait
  std::string person;              // as shown
};

} // namespace hub::domain
