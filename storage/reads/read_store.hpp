#pragma once

#include "domain/change.hpp"
#include "storage/pool.hpp"
#include "storage/reads/event_reads.hpp"
#include "storage/reads/release_reads.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

class key_ring;

struct reporter_row {
  domain::uuid id;
  std::string name;
  std::optional<std::string> email;
};

/// A ticket as lists show it.
struct ticket_row {
  domain::uuid id;
  std::int64_t number = 0;
  std::string title;
  std::string type;
  int urgency = 0;
  std::string status;
  std::string channel;
  std::optional<reporter_row> reporter;
  std::vector<std::string> tags;
  std::optional<domain::uuid> group;
  std::optional<domain::uuid> assignee;
  std::vector<std::string> pii_types;
  std::string enrichment_status;
  std::int64_t version = 0;
  domain::time_point created_at{};
  domain::time_point updated_at{};
  std::optional<domain::time_point> resolved_at;
};

struct source_row {
  std::string platform;
  std::string external_id;
  std::optional<std::string> external_url;
  std::optional<std::string> payload; // unsealed; absent once retention dropped it
};

struct message_row {
  domain::uuid id;
  std::string direction;
  std::string author;
  std::string body; // scrubbed
  std::vector<std::string> pii_types;
  domain::time_point created_at{};
};

/// What somebody wrote, before scrubbing.
struct original_message {
  std::string body;
  std::vector<std::string> pii_types;
  bool was_scrubbed = false; // false: `body` is what everybody sees
};

struct attachment_row {
  domain::uuid id;
  std::string file_name;
  std::string file_type;
  std::optional<std::int64_t> file_size;
  std::string status;                 // pending, stored, failed
  std::optional<std::string> failure; // why there is no file
};

/// All that is known of one file.
struct attachment_facts {
  attachment_row row;
  domain::uuid ticket;
  domain::channel from{};
  std::string external_id; // the provider's, empty where it has none
  std::string source_url;  // the provider's, empty where it named none
  std::string place;       // in a file store, empty unless stored
  std::string sha256;      // its bytes, empty unless stored
};

/// A ticket with everything around it.
struct ticket_detail {
  ticket_row ticket;
  std::string description;
  std::string metadata; // JSON
  std::optional<std::string> ai_suggested_type;
  std::optional<int> ai_suggested_priority;
  std::optional<std::string> ai_summary;
  std::optional<double> ai_confidence;
  std::optional<std::string> ai_model; // "local": rules made the suggestion
  std::optional<domain::time_point> triaged_at;
  std::optional<std::string> triage_decision; // accepted, rejected; unset: it waits for one
  std::optional<std::string> notion_page_id;
  std::optional<std::string> notion_url;
  std::vector<source_row> sources;
  std::vector<event_row> events;     // newest first
  std::vector<message_row> messages; // oldest first
  std::vector<attachment_row> attachments;
  bool truncated = false; // older events or messages exist beyond `history_limit`
};

/// How many events and messages a detail shows.
inline constexpr int history_limit = 500;

enum class ticket_order : std::uint8_t { newest, oldest, urgency };

/// Where a page starts: behind this row, in the list's order.
struct ticket_position {
  domain::time_point created_at{};
  domain::uuid id;
  int urgency = 0;
};

struct ticket_query {
  domain::uuid workspace;
  std::vector<domain::ticket_status> statuses; // empty: any
  std::vector<domain::channel> channels;
  std::vector<domain::priority> priorities;
  std::vector<domain::ticket_type> types;
  std::string search; // words, or a ticket number
  std::optional<domain::uuid> group;
  std::optional<domain::uuid> assignee;
  ticket_order order = ticket_order::newest;
  int limit = 20;
  int offset = 0; // ignored with `after`
  std::optional<ticket_position> after;
};

struct ticket_page {
  std::vector<ticket_row> tickets;
  std::int64_t total = 0;
  bool total_is_exact = true; // false: at least that many match; nobody counts further
  bool more = false;
};

/// Beyond this many, matches are not counted where no counter knows them.
inline constexpr std::int64_t counted_matches = 10'000;

struct delivery_row {
  domain::uuid id;
  std::string platform;
  std::string external_id;
  std::string outcome;
  std::optional<std::string> error;
  std::optional<domain::uuid> ticket;
  std::int64_t payload_bytes = 0; // as stored
  domain::time_point received_at{};
};

struct delivery_query {
  domain::uuid workspace;
  std::optional<domain::delivery_outcome> outcome;
  std::optional<domain::channel> platform;
  int limit = 20;
  int offset = 0;                    // ignored with `after`
  std::optional<domain::uuid> after; // id of the last row of the page before
};

struct delivery_page {
  std::vector<delivery_row> deliveries;
  std::int64_t total = 0;
  bool total_is_exact = true; // false: at least that many match; nobody counts further
  bool more = false;
};

/// A stored delivery with its bytes, to be read again.
struct stored_delivery {
  delivery_row row;
  std::string content_type;
  std::string payload;
  domain::time_point occurred_at{};
};

/// Work that failed for good, as operators see it.
struct dead_letter_row {
  domain::uuid id;
  std::string job_class;
  std::string job_args; // JSON, scrubbed
  std::string error_class;
  std::string error_message;
  std::string backtrace;
  std::string queue;
  std::string status; // unresolved, resolved, retried
  bool outcome_unknown = false;
  std::string attempts; // JSON: every failed attempt, oldest first
  std::optional<domain::uuid> replaced_by;
  domain::time_point failed_at{};
  domain::time_point created_at{};
};

struct dead_letter_position {
  domain::time_point failed_at{};
  domain::uuid id;
};

struct dead_letter_query {
  domain::uuid workspace;
  std::optional<std::string> status;
  std::optional<std::string> job_class;
  std::optional<std::string> error_class;
  int limit = 20;
  int offset = 0; // ignored with `after`
  std::optional<dead_letter_position> after;
};

struct dead_letter_page {
  std::vector<dead_letter_row> letters; // newest first
  std::int64_t total = 0;
  bool total_is_exact = true;
  bool more = false;
};

/// With the arguments as they were, to be tried again.
struct stored_dead_letter {
  dead_letter_row row;
  std::string args; // JSON
};

/// What operators told a kind of job; kinds nobody spoke of have no row.
struct job_control_row {
  domain::job_kind kind{};
  domain::job_kind_state state{};
  bool force_fail = false;
};

/// One channel's line of the intake ledger.
struct ledger_line {
  std::int64_t received = 0;
  std::int64_t created = 0;
  std::int64_t attached = 0;
  std::int64_t duplicate = 0;
  std::int64_t not_feedback = 0;
  std::int64_t quarantined = 0;
};
using ledger = std::map<std::string, ledger_line>; // by platform

struct stored_answer {
  int status = 0;
  std::string body;              // JSON; empty while the first answer is being written
  std::string request_hash = {}; // of the request that used the key, in bytes
};

/// Differences between kept counters and counted rows; empty when all agree.
struct recount {
  std::vector<std::string> differences;
};

/// Everything the hub reads: asynchronous, on a small pool of connections with a bounded queue. A
/// full queue or an absent database answers `unavailable` at once.
class read_store : public release_reads, public event_reads {
public:
  virtual void
  core_of(domain::uuid workspace, domain::uuid ticket, callback<domain::ticket_core> done) = 0;
  virtual void list_tickets(ticket_query query, callback<ticket_page> done) = 0;
  virtual void
  detail_of(domain::uuid workspace, domain::uuid ticket, callback<ticket_detail> done) = 0;
  /// Opens what is sealed: whoever shows it puts that on record first.
  virtual void original_of(domain::uuid workspace,
                           domain::uuid ticket,
                           domain::uuid message,
                           callback<original_message> done) = 0;
  virtual void attachment_of(domain::uuid workspace,
                             domain::uuid attachment,
                             callback<attachment_facts> done) = 0;
  virtual void list_deliveries(delivery_query query, callback<delivery_page> done) = 0;
  virtual void
  delivery_of(domain::uuid workspace, domain::uuid id, callback<stored_delivery> done) = 0;
  virtual void list_dead_letters(dead_letter_query query, callback<dead_letter_page> done) = 0;
  virtual void
  dead_letter_of(domain::uuid workspace, domain::uuid id, callback<stored_dead_letter> done) = 0;
  virtual void list_job_controls(callback<std::vector<job_control_row>> done) = 0;
  virtual void ledger_of(domain::uuid workspace, callback<ledger> done) = 0;
  virtual void answer_to(domain::uuid workspace, std::string key, callback<stored_answer> done) = 0;
  /// Round trip to the database; for /health.
  virtual void ping(callback<std::chrono::microseconds> done) = 0;
  /// Counts rows and compares; expensive, for the operator's command only.
  virtual void count_again(domain::uuid workspace, callback<recount> done) = 0;

  [[nodiscard]] virtual pool_stats stats() const = 0;
  /// Finishes what runs and joins; what waits, and every later call, is answered `unavailable`.
  virtual void stop() = 0;
};

struct read_store_options {
  std::string connection_string;
  int connections = 4;
  std::size_t queue_limit = 1000;
};

/// `keys` must outlive the store.
std::unique_ptr<read_store> make_read_store(read_store_options options, const key_ring& keys);

} // namespace hub::storage
