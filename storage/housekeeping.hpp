#pragma once

#include "domain/result.hpp"

#include <string>

namespace hub::storage {

struct housekeeping_plan {
  int days_ahead = 7;       // a hub that is down for a week still finds today's partition
  int kept_days = 90;       // how long raw deliveries stay; tickets and messages stay for ever
  int kept_job_days = 14;   // how long finished jobs are remembered
  int kept_key_hours = 24;  // how long an Idempotency-Key is remembered
  int kept_access_days = 1; // how long sessions, links and wrong passwords stay when they are over
};

/// Makes the coming days' partitions of the deliveries, drops those past retention unless something
/// in them waits in quarantine, and forgets old Idempotency-Keys. Goes on after a step that fails
/// and tells the first one's failure. Any number of nodes may do this at once.
domain::outcome keep_house(const std::string& connection_string, const housekeeping_plan& plan);

} // namespace hub::storage
