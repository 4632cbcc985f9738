#pragma once

#include "actors/outward/provider_check.hpp"
#include "domain/notification.hpp"
#include "storage/reads/release_reads.hpp"

#include <functional>

namespace hub::actors {

/// What a workspace is set to, now.
using release_rules_source = std::function<domain::release_rules(const domain::uuid& workspace)>;

/// The runner of notification jobs, `{"notification": id}`: tells one person what became of what
/// they reported, once, and not at all what was taken back meanwhile. `desk` and `reads` must
/// outlive the actors.
job_runner run_notification(limiters_actor limiters,
                            provider_desk& desk,
                            storage::release_reads& reads,
                            release_rules_source rules_of,
                            const sending_rules& rules);

} // namespace hub::actors
