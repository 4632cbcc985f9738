#include "actors/jobs/claimer.hpp"

#include "actors/failure_bridge.hpp"
#include "config/log.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hub::actors {

namespace {

// A look walks over rows that an old transaction keeps from being forgotten, and claims wait for
// it: it may take one part in so many of the time.
constexpr int share_of_looks = 20;

/// The store, made when it is first needed: a database that is away is no reason to die.
domain::result<storage::job_store*> store_of(claimer_state& state, const make_job_store& make) {
  try {
    if (!state.store)
      state.store = make();
    return state.store.get();
  } catch (const std::exception&) {
    return domain::fail(domain::errc::unavailable, "no connection for jobs could be made");
  }
}

void note(job_figures& figures, const storage::job_backlog& seen) {
  auto& of = figures.of(seen.kind);
  of.due = seen.due;
  of.delayed = seen.delayed;
  of.claimed = seen.claimed;
  of.retrying = seen.retrying;
  of.dead = seen.dead;
  of.oldest_due_ms = seen.oldest_due.count();
  of.state = seen.state;
  of.force_fail = seen.force_fail;
}

void look(storage::job_store& store, job_figures& figures) {
  if (const auto freed = store.free_expired(); freed) {
    figures.quarantined += static_cast<std::uint64_t>(freed->quarantined);
    if (!freed->freed.empty() || freed->quarantined > 0)
      config::log(config::log_level::warn,
                  "claims_expired",
                  {{"freed", static_cast<std::int64_t>(freed->freed.size())},
                   {"quarantined", static_cast<std::int64_t>(freed->quarantined)}});
  }
  if (const auto backlog = store.backlog(); backlog)
    for (const auto& seen : *backlog)
      note(figures, seen);
}

} // namespace

job_claimer_actor::behavior_type job_claimer_behavior(claimer_pointer self,
                                                      const make_job_store& make,
                                                      std::chrono::milliseconds look_every,
                                                      const std::shared_ptr<job_figures>& figures) {
  auto& state = self->state;
  self->set_error_handler([](caf::error&) {});
  self->send(self, claims_tick{});
  return {
    [&state, make](const claim_jobs& wanted) -> caf::result<jobs_claimed> {
      auto store = store_of(state, make);
      if (!store)
        return to_caf(store.why());
      auto claimed = (*store)->claim(wanted.what);
      if (!claimed)
        return to_caf(claimed.why());
      return jobs_claimed{std::make_shared<const storage::claimed_jobs>(*std::move(claimed))};
    },
    [&state, make](const renew_claims& wanted) -> caf::result<claims_renewed> {
      auto store = store_of(state, make);
      if (!store)
        return to_caf(store.why());
      auto lost = (*store)->renew(wanted.held);
      if (!lost)
        return to_caf(lost.why());
      return claims_renewed{*std::move(lost)};
    },
    [&state, make](const release_claims& wanted) -> caf::result<jobs_stopped> {
      auto store = store_of(state, make);
      if (!store)
        return to_caf(store.why());
      if (const auto released = (*store)->release(wanted.held); !released)
        return to_caf(released.why());
      return jobs_stopped{static_cast<int>(wanted.held.size())};
    },
    [self, &state, make, look_every, figures](claims_tick) {
      const auto begin = std::chrono::steady_clock::now();
      if (auto store = store_of(state, make))
        look(**store, *figures);
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
      self->delayed_send(self, std::max(look_every, took * share_of_looks), claims_tick{});
    },
  };
}

} // namespace hub::actors
