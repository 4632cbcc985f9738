#pragma once

#include "domain/result.hpp"
#include "domain/retry.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hub::domain {

/// Work that happens after, and because of, a committed Change.
enum class job_kind : std::uint8_t {
  ai_triage,
  changelog_generation,
  notification_dispatch,
  notion_sync,
  notion_poll,
  provider_check,   // sends one message an operator wrote, to see that a provider works
  attachment_fetch, // brings a file that came with a report here
  canary,           // does nothing: shows that jobs run
};

inline constexpr std::size_t job_kind_count = 8;

/// All there is to know about a kind of job.
struct job_rules {
  job_kind kind{};
  std::string_view job_class; // its name in the API and in the database
  int concurrency = 1;        // attempts at once on one node
  retry_policy retry;
  std::chrono::seconds within{60}; // an attempt that takes longer has failed
  /// It changes something outside: `attempt started` is recorded before, and an attempt that died
  /// in between is not simply repeated.
  bool sends_outward = false;
  int most_crashes = 3; // a job that takes its process down this often is quarantined
};

/// In the order of the enumerators.
using job_rules_table = std::array<job_rules, job_kind_count>;

/// A running attempt is the claimant's for this long, unless a setting says otherwise, and renewed
/// while it runs; the claim of a node that died is free again after it.
inline constexpr std::chrono::seconds claim_lease{15};

/// As they are without settings.
[[nodiscard]] const job_rules_table& all_job_rules();
[[nodiscard]] const job_rules& rules_of(job_kind kind);
[[nodiscard]] std::string_view to_string(job_kind kind);
/// Reads a job class; `not_found` names the ones there are.
[[nodiscard]] result<job_kind> parse_job_kind(std::string_view job_class);

/// How a kind of job is run.
enum class job_kind_state : std::uint8_t {
  running,
  paused,   // no attempt begins; those that run go on
  draining, // only jobs that were there already are done, then as paused
};

[[nodiscard]] std::string_view to_string(job_kind_state state);
[[nodiscard]] result<job_kind_state> parse_job_kind_state(std::string_view text);

/// A job to be done, committed together with its cause.
struct job_record {
  uuid id;
  job_kind kind{};
  /// Among unfinished jobs of one kind at most one has this key. A second one joins the first; if
  /// that is already running, it runs once more afterwards. Empty: every job is its own.
  std::string dedup_key;
  std::string args = "{}"; // JSON object: ids and choices, never secrets
  time_point run_at{};
};

/// One attempt at a job, as its worker gets it.
struct claimed_job {
  uuid workspace;
  uuid id;
  uuid claim;
  job_kind kind{};
  std::string args;
  int attempt = 1; // from 1
  int crashes = 0;
  time_point created_at{};
  time_point run_at{};
  /// Set when an earlier attempt began to send and never said how it ended.
  std::optional<time_point> sending_since;
};

/// What becomes of a job after (or in) an attempt. Holds only while the claim is still the
/// attempt's own.
struct job_step {
  enum class kind : std::uint8_t {
    begin_sending, // the attempt is about to change something outside
    finish,        // done
    retry,         // again at `run_at`
    hold_back,     // again at `run_at`, as if this attempt had not been
    bury,          // failed for good: to the dead letters
  };
  kind what{};
  uuid job;
  uuid claim;
  job_kind of{}; // what the job is about shows how it goes
  time_point run_at{};
  std::optional<failure> why;
  std::string error_class;       // empty: the name of the failure's code
  time_point started_at{};       // of the attempt
  std::string args;              // for `bury`: the job's, as they were
  std::string shown_args = "{}"; // for `bury`: scrubbed
  /// What was sent may have arrived: the next attempt asks before it sends, and a dead letter says
  /// so.
  bool outcome_unknown = false;
};

/// Where a failure was noticed, relative to the source tree: `actors/jobs/worker.cpp:41`.
[[nodiscard]] std::string place_of(const failure& why);

} // namespace hub::domain
