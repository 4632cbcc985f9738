#pragma once

#include "domain/result.hpp"

#include <string>

namespace hub::storage {

struct partition_plan {
  int days_ahead = 7; // a hub that is down for a week still finds today's partition
  int kept_days = 90; // how long raw deliveries stay; tickets and messages stay for ever
};

/// Makes the coming days' partitions of the deliveries and drops those past retention. Any number
/// of nodes may do this at once.
domain::outcome keep_delivery_partitions(const std::string& connection_string,
                                         const partition_plan& plan);

} // namespace hub::storage
