#pragma once

#include "domain/changelog.hpp"
#include "domain/release.hpp"
#include "storage/pool.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

/// A changelog entry as people see it.
struct changelog_row {
  domain::uuid id;
  domain::uuid ticket;
  std::string content;
  std::string status; // draft, approved
  std::int64_t version = 0;
  std::optional<std::string> ai_model; // unset: a person wrote it
  std::optional<std::int64_t> ai_prompt_tokens;
  std::optional<std::int64_t> ai_completion_tokens;
  std::optional<std::int64_t> ai_latency_ms;
  std::optional<std::string> approved_by;
  std::optional<domain::time_point> approved_at;
  std::optional<domain::time_point> taken_back_at;
  domain::time_point created_at{};
  domain::time_point updated_at{};
  // Of its ticket:
  std::string ticket_title;
  std::string ticket_status;
  std::string reporter_name;
};

struct changelog_query {
  domain::uuid workspace;
  std::optional<std::string> status;
  int limit = 20;
  int offset = 0; // ignored with `after`
  std::optional<domain::uuid> after;
};

struct changelog_page {
  std::vector<changelog_row> entries; // newest first
  std::int64_t total = 0;
  bool total_is_exact = true;
  bool more = false;
};

/// Where the reporter of a ticket can be answered: one identity, and the conversation it wrote in.
struct reach {
  domain::channel platform{};
  std::string platform_user_id;
  std::string thread_id; // empty: none
};

/// What whoever writes about a ticket has to know. Its texts are scrubbed.
struct writing_context {
  domain::uuid ticket;
  std::string title;
  std::string description;
  domain::ticket_status status{};
  std::int64_t version = 0;
  std::vector<std::string> names;                  // of the people it may name
  domain::time_point last_inbound{};               // when a reporter last wrote; the epoch: never
  std::optional<domain::time_point> cooling_until; // the model's provider wants to be left alone
  std::optional<changelog_row> entry;              // the draft, else the newest that was approved
  std::vector<reach> reaches;
};

/// One message to one person.
struct notification_row {
  domain::uuid id;
  domain::uuid ticket;
  domain::uuid entry;
  std::string channel;
  std::string platform_user_id;
  std::string recipient_name; // as shown; may be empty
  std::string status;
  std::string content;
  std::int64_t retry_count = 0;
  std::optional<std::string> last_error;
  std::optional<std::string> provider_message_id;
  domain::time_point send_at{};
  std::optional<domain::time_point> sent_at;
  std::optional<domain::time_point> delivered_at;
  std::optional<domain::time_point> read_at;
  domain::time_point created_at{};
};

struct notification_query {
  domain::uuid workspace;
  std::optional<std::string> status;
  std::optional<std::string> channel;
  std::optional<domain::uuid> ticket;
  int limit = 20;
  int offset = 0; // ignored with `after`
  std::optional<domain::uuid> after;
};

struct notification_page {
  std::vector<notification_row> notifications; // newest first
  std::int64_t total = 0;
  bool total_is_exact = true;
  bool more = false;
};

struct notification_attempt_row {
  domain::time_point started_at{};
  std::optional<domain::time_point> finished_at;
  std::string outcome; // sent, failed, unknown
  std::optional<std::string> error;
};

/// All there is to know of a notification, to show it and to send it.
struct notification_detail {
  notification_row row;
  domain::uuid job; // that sends it
  std::string thread_id;
  bool use_template = false;            // WhatsApp: free text was refused
  domain::time_point last_message_at{}; // when the person last wrote on this channel
  std::optional<std::string> locale;
  changelog_row entry;
  std::vector<notification_attempt_row> attempts; // oldest first, at most 100
};

/// What is read about triage, changelog entries and notifications. As `read_store`.
class release_reads {
public:
  virtual ~release_reads() = default;

  virtual void writing_context_of(domain::uuid workspace,
                                  domain::uuid ticket,
                                  callback<writing_context> done) = 0;
  virtual void list_changelog(changelog_query query, callback<changelog_page> done) = 0;
  virtual void list_notifications(notification_query query, callback<notification_page> done) = 0;
  virtual void
  notification_of(domain::uuid workspace, domain::uuid id, callback<notification_detail> done) = 0;
};

} // namespace hub::storage
