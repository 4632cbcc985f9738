#pragma once

#include "actors/jobs/attempt.hpp"
#include "actors/outward/protocol.hpp"
#include "domain/ai_choice.hpp"
#include "domain/scrub.hpp"
#include "storage/reads/read_store.hpp"

#include <chrono>
#include <functional>

namespace hub::actors {

/// What triage goes by.
struct triage_options {
  /// A workspace's, as they are now; called from any thread.
  std::function<domain::ai_choice(const domain::uuid& workspace)> choice;
  std::function<domain::own_addresses(const domain::uuid& workspace)> own;
  std::chrono::milliseconds within{}; // an attempt may take
  /// While no model can be asked a job waits as long again as it is old, between these.
  std::chrono::milliseconds shortest_wait{};
  std::chrono::milliseconds longest_wait{};
};

/// The runner of `ai_triage` jobs: `{"ticket"}`. A model, or rules where none is to be asked, says
/// what a ticket is about; a person decides what becomes of that. Nothing leaves but text without
/// personal data and without the reporter's name.
///
/// An answer that breaks its form is asked for once more, then the job fails for good. A model that
/// is away or wants a pause holds the job back, which costs no attempt. `reads` must outlive it.
job_runner
run_triage(model_asker_actor asker, storage::release_reads& reads, triage_options options);

} // namespace hub::actors
