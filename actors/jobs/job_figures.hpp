#pragma once

#include "actors/actor_metrics.hpp"
#include "actors/rate_meter.hpp"
#include "domain/job.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace hub::actors {

/// What one kind of job does on this node, and how much of it waits in the database.
struct job_kind_figures {
  std::atomic<std::uint64_t> announced{0}; // committed by this node's journal
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> finished{0};
  std::atomic<std::uint64_t> retried{0};
  std::atomic<std::uint64_t> held_back{0};
  std::atomic<std::uint64_t> buried{0};
  std::atomic<std::uint64_t> lost{0}; // the claim had passed to somebody else
  std::atomic<std::int64_t> running{0};
  rate_meter coming;          // committed by this node's journal
  rate_meter leaving;         // done or dead
  time_histogram start_delay; // from when it was due to when its attempt began
  time_histogram run_time;    // of an attempt
  // As last looked at; counts stop at `storage::counted_jobs`.
  std::atomic<std::int64_t> due{0};
  std::atomic<std::int64_t> delayed{0};
  std::atomic<std::int64_t> claimed{0};
  std::atomic<std::int64_t> retrying{0};
  std::atomic<std::int64_t> dead{0};
  std::atomic<std::int64_t> oldest_due_ms{0};
  std::atomic<domain::job_kind_state> state{domain::job_kind_state::running};
  std::atomic<bool> force_fail{false};
  std::atomic<bool> has_runner{false}; // this node can do it
};

/// By kind; written by the supervisors and their claimer, read by /metrics and the API.
struct job_figures {
  std::array<job_kind_figures, domain::job_kind_count> kinds;
  std::atomic<std::uint64_t> quarantined{0};

  [[nodiscard]] job_kind_figures& of(domain::job_kind kind) {
    return kinds[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] const job_kind_figures& of(domain::job_kind kind) const {
    return kinds[static_cast<std::size_t>(kind)];
  }
};

} // namespace hub::actors
