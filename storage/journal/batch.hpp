#pragma once

#include "domain/change.hpp"
#include "storage/journal/people.hpp"

#include <pqxx/pqxx>

#include <cstdint>
#include <span>
#include <vector>

namespace hub::storage {

class key_ring;

/// Another transaction inserted the same key between our look-up and our insert: nothing is wrong,
/// the batch runs again and sees it.
struct lost_race {
  domain::failure why =
    domain::fail(domain::errc::unavailable, "the database is too contended right now");
};

/// One batch inside one transaction: looks up, decides each Change's verdict, writes the rows of
/// those that stand. The Changes must not touch each other (see `independent_rounds`).
class journal_batch {
public:
  journal_batch(pqxx::transaction_base& tx,
                std::span<const domain::change* const> changes,
                const key_ring& keys,
                std::int16_t slot);

  /// Writes everything but the commit. Throws what libpqxx throws, and `lost_race`.
  std::vector<domain::verdict> run();

private:
  struct entry {
    const domain::change* change = nullptr;
    domain::verdict verdict;
    bool stands = true;          // its rows are to be written
    bool settled_before = false; // a replay of a delivery that another replay has settled
    known_person known;
    domain::uuid reporter;
    domain::uuid ticket; // the ticket it opens, changes or speaks to; nil if none
  };
  struct ticket_cell {
    std::string status;
    std::string channel;
    int urgency = 0;
    std::string type;
    // NOLINTNEXTLINE(modernize-use-nullptr): as in domain/uuid.hpp
    auto operator<=>(const ticket_cell&) const = default;
  };

  /// Entries in the order of the key they insert: whoever inserts the same ones waits for them in
  /// the same order, and nobody deadlocks.
  template <class Wanted, class Key>
  [[nodiscard]] std::vector<const entry*> select(Wanted wanted, Key key) const;
  /// Where the sender's open ticket decides, whoever else writes for them comes before or after.
  void lock_senders();
  void look_up();
  void judge_delivery(entry& item, const pqxx::row& known);
  void judge_thread(entry& item, const pqxx::row& known);
  void check_replays();
  void check_idempotency();
  void check_claims();
  void check_dead_letters();
  void resolve_people();
  void write_people();
  void write_tickets();
  void apply_updates();
  void write_sources();
  void write_identities();
  void write_messages();
  void write_attachments();
  void settle_files();
  void write_deliveries();
  void settle_replays();
  void write_events();
  void write_idempotency();
  void store_answers();
  void write_job_steps();
  void write_jobs();
  void write_operations();
  void write_send_reports();
  void refuse_all(const std::vector<entry*>& asked, const char* why);
  void check_decisions();
  void lock_notifications();
  void check_notifications();
  void write_changelog_steps();
  void write_triage();
  void write_notification_steps();
  /// What jobs are about shows how they go.
  void follow_jobs();
  void write_reviews();
  void write_cooldowns();
  void count_tickets();
  void count_intake();
  void settle(entry& item, domain::verdict::kind what);
  /// The outcome this Change's delivery is recorded with.
  static domain::delivery_outcome outcome_of(const entry& item);

  pqxx::transaction_base& tx_;
  const key_ring& keys_;
  std::int16_t slot_;
  std::vector<entry> entries_;
  people_of_batch people_;
  std::vector<std::pair<domain::uuid, std::pair<ticket_cell, std::int64_t>>> cells_;
};

} // namespace hub::storage
