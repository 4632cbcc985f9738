#pragma once

#include "domain/audit.hpp"
#include "domain/result.hpp"
#include "domain/time.hpp"
#include "storage/sealing.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace hub::storage {

/// How far a resealing is.
struct resealing_progress {
  std::string table;            // the one it is at
  std::uint64_t seen = 0;       // sealed values looked at, in all tables
  std::uint64_t resealed = 0;   // that another key had sealed
  std::uint64_t unreadable = 0; // that no key opens; left as they are
};

/// Seals with the ring's current key whatever another one sealed, in small transactions beside a
/// hub that serves. A value that changes meanwhile is left to whoever changed it. Stopped at any
/// point, it goes on where it is called again. `conflict` while another one runs.
domain::result<resealing_progress>
reseal(const std::string& connection_string,
       const key_ring& keys,
       const std::function<void(const resealing_progress&)>& tell);

/// How many sealed values there are of each key.
domain::result<std::map<std::uint32_t, std::uint64_t>>
count_sealed(const std::string& connection_string);

/// Puts into every workspace's record what was done to the keys that seal what is theirs.
domain::outcome record_in_all_workspaces(const std::string& connection_string,
                                         const domain::audit_record& what,
                                         domain::time_point at);

/// Waits until no transaction is open that began before now, so that nothing comes any more that
/// was sealed before. `timed_out` where one stays open for long.
domain::outcome wait_for_open_transactions(const std::string& connection_string);

} // namespace hub::storage
