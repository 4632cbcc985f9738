#pragma once

#include "domain/job.hpp"
#include "domain/uuid.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

class key_ring;

/// Which jobs an owner wants. All times are the database's.
struct claim_request {
  domain::job_kind kind{};
  domain::uuid claim; // what the rows are marked with; fresh for every request
  int limit = 1;
  /// Only these, by key; empty: whatever is due, oldest first.
  std::vector<domain::uuid> ids;
  /// Looks only at jobs due at or after this. Rows that other transactions cannot forget yet make
  /// the older part of the index slow; see docs/decisions/0008. Unset: at all.
  std::optional<domain::time_point> due_since;
};

struct claimed_jobs {
  std::vector<domain::claimed_job> jobs;
  bool first_must_fail = false; // an operator wants the first of them to fail
  /// The database's time of the claim. Unset for claims by ids.
  std::optional<domain::time_point> looked_at;
  /// All that was due by then, and not before `due_since`, has been claimed. Never for ids.
  bool exhausted = false;
  /// Then also when the next job of this kind falls due; unset when none waits.
  std::optional<domain::time_point> next_due;
};

struct held_claim {
  domain::uuid job;
  domain::uuid claim;
  /// As it was claimed; only `release` looks at it.
  std::optional<domain::time_point> sending_since = {};
  friend bool operator==(const held_claim&, const held_claim&) = default;
};

/// What a look for claims that ran out has found.
struct freed_claims {
  std::vector<domain::job_kind> freed; // one entry a job, due again at once
  int quarantined = 0;                 // took their process down too often: dead letters now
};

/// One kind's backlog. Counts stop at `counted_jobs`.
struct job_backlog {
  domain::job_kind kind{};
  std::int64_t due = 0;
  std::int64_t delayed = 0;
  std::int64_t claimed = 0;
  std::int64_t retrying = 0; // of those, failed at least once
  std::int64_t dead = 0;     // unresolved dead letters
  std::chrono::milliseconds oldest_due{};
  domain::job_kind_state state{};
  bool force_fail = false;
};

inline constexpr std::int64_t counted_jobs = 10'000;

/// One connection that leases jobs out. What becomes of a job is the journal's to write; a claim is
/// only a lease, so losing one to a crash costs a repeated look. Blocking; one owner.
class job_store {
public:
  virtual ~job_store() = default;
  virtual domain::outcome connect() = 0;
  /// Leases up to `limit` jobs. Kinds that operators paused give none.
  virtual domain::result<claimed_jobs> claim(const claim_request& wanted) = 0;
  /// Extends the leases; returns those that are lost.
  virtual domain::result<std::vector<held_claim>> renew(const std::vector<held_claim>& held) = 0;
  /// Gives back what was not begun, as if it had never been claimed. What began to send under this
  /// claim keeps it, whatever was open before.
  virtual domain::outcome release(const std::vector<held_claim>& held) = 0;
  /// Frees the claims of owners that are gone.
  virtual domain::result<freed_claims> free_expired() = 0;
  virtual domain::result<std::vector<job_backlog>> backlog() = 0;
};

/// `keys` must outlive the store.
/// A claim is its holder's for `lease`.
std::unique_ptr<job_store> make_job_store(std::string connection_string,
                                          const key_ring& keys,
                                          std::chrono::seconds lease = domain::claim_lease);

} // namespace hub::storage
