#include "actors/jobs/supervisor.hpp"

#include "actors/failure_bridge.hpp"
#include "config/log.hpp"
#include "domain/scrub_json.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace hub::actors {

namespace {

using config::log;
using config::log_level;
using domain::errc;
using domain::job_step;
using domain::retry_decision;
using domain::uuid;
using running = supervisor_state::running;

constexpr std::chrono::seconds claim_within{15}; // more than the database may take
constexpr std::chrono::milliseconds settle_again_after{500};
// What was committed under a slightly older time than the last look is seen by the next one.
constexpr std::chrono::seconds look_back{2};

job_kind_figures& figures_of(supervisor_state& state) {
  return state.figures->of(state.options.rules.kind);
}

std::uint64_t nanoseconds(std::chrono::nanoseconds took) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
}

void pump(supervisor_pointer self);
void settle(supervisor_pointer self, const uuid& job);

/// Sets the timer for what is next: a renewal or a look, whose times have nothing to do with each
/// other, or the end of the grace.
void set_timer(supervisor_pointer self) {
  auto& state = self->state;
  auto next = state.next_renewal;
  if (!state.stopping)
    next = std::min(next, state.next_poll);
  else if (state.stop_by > self->clock().now())
    next = std::min(next, state.stop_by);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - self->clock().now());
  self->delayed_send(self, std::max(wait, std::chrono::milliseconds{1}), job_tick{++state.tick});
}

/// The answer to `stop_jobs`, once nothing runs or the grace is over.
void stop_if_quiet(supervisor_pointer self) {
  auto& state = self->state;
  if (!state.stopped || state.claiming)
    return;
  if (!state.attempts.empty() && self->clock().now() < state.stop_by)
    return;
  std::vector<storage::held_claim> held;
  for (const auto& [id, entry] : state.attempts) {
    if (entry.worker)
      self->send_exit(entry.worker, caf::exit_reason::kill);
    if (!entry.sending)
      held.push_back({id, entry.job.claim, entry.job.sending_since});
  }
  auto promise = *std::exchange(state.stopped, std::nullopt);
  if (held.empty()) {
    promise.deliver(jobs_stopped{});
    return;
  }
  self->request(state.claimer, claim_within, release_claims{std::move(held)})
    .then([promise](jobs_stopped given) mutable { promise.deliver(given); },
          // Their leases run out by themselves.
          [promise](const caf::error&) mutable { promise.deliver(jobs_stopped{}); });
}

void forget(supervisor_pointer self, const uuid& job) {
  auto& state = self->state;
  const auto found = state.attempts.find(job);
  if (found == state.attempts.end())
    return;
  if (found->second.worker) {
    state.by_worker.erase(found->second.worker.id());
    self->send_exit(found->second.worker, caf::exit_reason::kill);
  }
  state.attempts.erase(found);
  figures_of(state).running = static_cast<std::int64_t>(state.attempts.size());
  pump(self);
}

void count(supervisor_pointer self, const running& entry) {
  auto& figures = figures_of(self->state);
  switch (entry.settlement->step->what) {
  case job_step::kind::begin_sending:
    break;
  case job_step::kind::finish:
    ++figures.finished;
    figures.leaving.add(1, self->clock().now());
    break;
  case job_step::kind::retry:
    ++figures.retried;
    break;
  case job_step::kind::hold_back:
    ++figures.held_back;
    break;
  case job_step::kind::bury:
    ++figures.buried;
    figures.leaving.add(1, self->clock().now());
    break;
  }
}

domain::change base_of(supervisor_state& state, const running& entry, job_step::kind what) {
  domain::change change;
  change.workspace = entry.job.workspace;
  change.at = state.around->now();
  change.step.emplace();
  change.step->what = what;
  change.step->job = entry.job.id;
  change.step->claim = entry.job.claim;
  change.step->of = entry.job.kind;
  change.step->started_at = entry.began_at;
  change.step->run_at = change.at;
  return change;
}

/// Whether something that was sent may have arrived, after an attempt that failed because of `why`.
bool is_open(const running& entry, const domain::failure& why, known_of_send known) {
  if (known == known_of_send::not_sent)
    return false;
  // An attempt that never came to send again has not answered what an earlier one left open.
  return why.code == errc::unknown_outcome || (entry.job.sending_since && !entry.sending);
}

/// Whether that can be found out by a later attempt, so that no person is needed.
bool is_to_be_asked(const running& entry, const domain::failure& why, known_of_send known) {
  if (!is_open(entry, why, known))
    return false;
  return known == known_of_send::can_be_asked
         || (entry.can_be_asked && why.code != errc::unknown_outcome);
}

/// The kind's policy; to ask, a job is tried beyond the most attempts, for as long as patience
/// lasts.
domain::retry_policy
policy_for(const supervisor_state& state, bool to_be_asked, std::chrono::milliseconds age) {
  auto policy = state.options.rules.retry;
  policy.repeatable |= to_be_asked; // repeating it begins with the question
  if (to_be_asked && age < policy.patience)
    policy.most_attempts = std::numeric_limits<int>::max();
  return policy;
}

/// The Change that records a failed attempt, and what follows from it.
domain::change after_failure(supervisor_state& state,
                             const running& entry,
                             domain::failure why,
                             known_of_send known,
                             std::string error_class) {
  using step = retry_decision::step;
  auto change = base_of(state, entry, job_step::kind::bury);
  const auto age = change.at - entry.job.created_at;
  const auto policy = policy_for(state, is_to_be_asked(entry, why, known), age);
  const auto decided = decide_retry(why, entry.job.attempt, age, policy, state.random());
  auto& to = *change.step;
  to.outcome_unknown = is_open(entry, why, known);
  switch (decided.what) {
  case step::retry:
    to.what = job_step::kind::retry;
    break;
  case step::hold_back:
    to.what = job_step::kind::hold_back;
    break;
  case step::give_up:
  case step::ask_person:
    to.args = entry.job.args;
    to.shown_args = domain::scrub_json(entry.job.args);
    to.error_class = std::move(error_class);
    break;
  }
  to.run_at = change.at + decided.delay;
  to.why = std::move(why);
  return change;
}

void settle_as_failed(supervisor_pointer self,
                      running& entry,
                      domain::failure why,
                      known_of_send known = known_of_send::unsaid,
                      std::string error_class = {}) {
  auto& state = self->state;
  log(log_level::warn,
      "attempt_failed",
      {{"job", to_string(entry.job.id)},
       {"job_class", std::string{state.options.rules.job_class}},
       {"attempt", static_cast<std::int64_t>(entry.job.attempt)},
       {"code", std::string{to_string(why.code)}},
       {"why", why.message}});
  entry.has_effects = false;
  entry.settlement = std::make_shared<const domain::change>(
    after_failure(state, entry, std::move(why), known, std::move(error_class)));
  settle(self, entry.job.id);
}

/// The claim is no longer ours; or, when the effects stood in the way, the attempt has failed.
void settle_refused(supervisor_pointer self, running& entry) {
  // What it has sent is sent, although that cannot be written down as it was wanted.
  if (entry.has_effects && entry.sending)
    return settle_as_failed(
      self,
      entry,
      domain::fail(errc::unknown_outcome, "it was sent, and what follows from that was refused"),
      entry.can_be_asked ? known_of_send::can_be_asked : known_of_send::unsaid);
  if (entry.has_effects)
    return settle_as_failed(
      self,
      entry,
      domain::fail(errc::internal, "what the attempt wanted to change had changed meanwhile"));
  ++figures_of(self->state).lost;
  forget(self, entry.job.id);
}

/// Has the journal write what became of an attempt; tries for as long as the claim may be ours.
void settle(supervisor_pointer self, const uuid& job) {
  auto& state = self->state;
  const auto found = state.attempts.find(job);
  if (found == state.attempts.end() || !found->second.settlement)
    return;
  const auto again = [self, job, claim = found->second.job.claim] {
    self->delayed_send(self, settle_again_after, attempt_done{job, claim, nullptr, std::nullopt});
  };
  self->request(state.around->journal, save_within, commit_change{found->second.settlement})
    .then(
      [self, job, claim = found->second.job.claim, again](const domain::verdict& verdict) {
        const auto entry = self->state.attempts.find(job);
        if (entry == self->state.attempts.end() || entry->second.job.claim != claim)
          return;
        if (verdict.what == domain::verdict::kind::committed) {
          count(self, entry->second);
          return forget(self, job);
        }
        const bool database_trouble = verdict.what == domain::verdict::kind::failed && verdict.why
                                      && !is_permanent(verdict.why->code);
        database_trouble ? again() : settle_refused(self, entry->second);
      },
      [again](const caf::error&) { again(); });
}

/// An attempt has said how it went.
void conclude(supervisor_pointer self, const attempt_done& done) {
  auto& state = self->state;
  const auto found = state.attempts.find(done.job);
  if (found == state.attempts.end() || found->second.job.claim != done.claim)
    return;
  auto& entry = found->second;
  if (entry.settlement) // told again because the journal did not answer
    return settle(self, done.job);
  figures_of(state).run_time.add(nanoseconds(self->clock().now() - entry.began));
  if (done.why)
    return settle_as_failed(self, entry, *done.why, done.known, done.error_class);
  auto change = base_of(state, entry, job_step::kind::finish);
  if (done.effects) {
    const auto step = change.step;
    change = *done.effects;
    change.step = step;
    entry.has_effects = true;
  }
  entry.settlement = std::make_shared<const domain::change>(std::move(change));
  settle(self, done.job);
}

/// A worker has ended. If it did not say how it went, it failed.
void worker_ended(supervisor_pointer self, const caf::down_msg& down) {
  auto& state = self->state;
  auto known = state.by_worker.extract(down.source.id());
  if (known.empty())
    return;
  const auto found = state.attempts.find(known.mapped());
  if (found == state.attempts.end())
    return;
  auto& entry = found->second;
  entry.worker = nullptr;
  if (entry.settlement)
    return;
  if (entry.sending)
    return settle_as_failed(
      self,
      entry,
      domain::fail(errc::unknown_outcome, "the attempt ended while it was sending"),
      entry.can_be_asked ? known_of_send::can_be_asked : known_of_send::unsaid);
  settle_as_failed(
    self,
    entry,
    entry.timed_out ? domain::fail(errc::timed_out, "the attempt took too long")
                    : domain::fail(errc::internal, "the attempt ended without saying how it went"));
}

/// Null where the attempt under this claim is over.
running* entry_of(supervisor_state& state, const uuid& job, const uuid& claim) {
  const auto found = state.attempts.find(job);
  return found != state.attempts.end() && found->second.job.claim == claim ? &found->second
                                                                           : nullptr;
}

/// Room for a fresh attempt. An older one of the same job has lost its claim, else it could not
/// have been claimed again.
running& make_entry(supervisor_pointer self, const domain::claimed_job& job) {
  auto& state = self->state;
  if (auto old = state.attempts.extract(job.id); !old.empty() && old.mapped().worker) {
    state.by_worker.erase(old.mapped().worker.id());
    self->send_exit(old.mapped().worker, caf::exit_reason::kill);
  }
  auto& entry = state.attempts[job.id];
  entry.job = job;
  entry.began = self->clock().now();
  entry.began_at = state.around->now();
  return entry;
}

void start(supervisor_pointer self, const domain::claimed_job& job) {
  auto& state = self->state;
  auto& entry = make_entry(self, job);
  auto& figures = figures_of(state);
  ++figures.started;
  figures.running = static_cast<std::int64_t>(state.attempts.size());
  figures.start_delay.add(nanoseconds(entry.began_at - std::max(job.run_at, job.created_at)));
  entry.worker = self->spawn<caf::monitored>(
    worker_behavior, job, state.runner, caf::actor_cast<job_supervisor_actor>(self), state.around);
  state.by_worker[entry.worker.id()] = job.id;
}

void start_all(supervisor_pointer self, const storage::claimed_jobs& claimed) {
  auto& state = self->state;
  bool must_fail = claimed.first_must_fail;
  for (const auto& job : claimed.jobs) {
    if (!std::exchange(must_fail, false)) {
      start(self, job);
      continue;
    }
    auto& entry = make_entry(self, job);
    auto change = base_of(state, entry, job_step::kind::bury);
    change.step->why = domain::fail(errc::internal, "an operator told this attempt to fail");
    change.step->error_class = "forced_failure";
    change.step->args = job.args;
    change.step->shown_args = domain::scrub_json(job.args);
    change.step->outcome_unknown = job.sending_since.has_value();
    entry.settlement = std::make_shared<const domain::change>(std::move(change));
    settle(self, job.id);
  }
}

/// Looks again where a job may have come late, and no earlier. A look that is under way is let
/// finish first: its answer says where that is.
void look_again_from_safe(supervisor_state& state) {
  state.poll_is_due = true;
  if (state.look.under_way) {
    state.look.once_more = true;
    return;
  }
  state.look.from = state.look.safe;
  state.look.began.reset();
}

void look_again_from_start(supervisor_state& state) {
  ++state.look.generation;
  state.look.from.reset();
  state.look.began.reset();
  state.look.safe.reset();
  state.poll_is_due = true;
}

/// Where to go on after a look that has been answered.
void go_on_after(supervisor_pointer self, const storage::claimed_jobs& claimed) {
  auto& state = self->state;
  state.poll_is_due = !claimed.exhausted;
  if (!state.look.began)
    state.look.began = claimed.looked_at;
  // Times are known to the millisecond only, and rounded.
  state.look.from = claimed.exhausted ? claimed.looked_at
                                      : claimed.jobs.back().run_at - std::chrono::milliseconds{1};
  state.look.safe = std::min(*state.look.from, *state.look.began - look_back);
  if (!claimed.next_due)
    return;
  const auto wait = *claimed.next_due - *claimed.looked_at;
  if (wait < state.options.poll_every) {
    state.next_poll = self->clock().now() + wait;
    set_timer(self);
  }
}

void looked(supervisor_pointer self, const storage::claimed_jobs& claimed) {
  auto& look = self->state.look;
  const bool once_more = std::exchange(look.once_more, false);
  if (std::exchange(look.under_way, std::nullopt) != look.generation)
    return; // a look from the start is wanted meanwhile, and due
  go_on_after(self, claimed);
  if (once_more)
    look_again_from_safe(self->state);
}

/// Claimed just when it was time to stop.
void give_back(supervisor_pointer self, const storage::claimed_jobs& claimed) {
  std::vector<storage::held_claim> held;
  for (const auto& job : claimed.jobs)
    held.push_back({job.id, job.claim, job.sending_since});
  if (!held.empty())
    self->request(self->state.claimer, claim_within, release_claims{std::move(held)})
      .then([](jobs_stopped) {}, [](const caf::error&) {}); // else their leases run out
}

storage::claim_request next_claim(supervisor_state& state, std::size_t free, bool polling) {
  domain::uuid_generator ids{state.around->seed()};
  storage::claim_request wanted;
  wanted.kind = state.options.rules.kind;
  wanted.claim = ids.next(state.around->now());
  wanted.limit = static_cast<int>(free);
  if (polling) {
    wanted.due_since = state.look.from;
    state.look.under_way = state.look.generation;
    return wanted;
  }
  const auto count = std::min(free, state.announced.size());
  const auto end = state.announced.begin() + static_cast<std::ptrdiff_t>(count);
  wanted.ids.assign(state.announced.begin(), end);
  state.announced.erase(state.announced.begin(), end);
  return wanted;
}

/// Claims as many jobs as there is room for. Nothing is claimed that could not begin at once.
void pump(supervisor_pointer self) {
  auto& state = self->state;
  stop_if_quiet(self);
  const auto most = static_cast<std::size_t>(state.options.rules.concurrency);
  if (state.stopping || state.claiming || state.attempts.size() >= most)
    return;
  const bool polling = state.poll_is_due;
  if (!polling && state.announced.empty())
    return;
  state.claiming = true;
  if (polling && !state.look.from)
    state.next_sweep = self->clock().now() + state.options.sweep_every;
  self
    ->request(state.claimer,
              claim_within,
              claim_jobs{next_claim(state, most - state.attempts.size(), polling)})
    .then(
      [self, polling](const jobs_claimed& claimed) {
        self->state.claiming = false;
        if (self->state.stopping)
          give_back(self, *claimed.what);
        else {
          if (polling)
            looked(self, *claimed.what);
          start_all(self, *claimed.what);
        }
        pump(self);
      },
      [self](const caf::error&) { // the next tick looks at everything
        self->state.claiming = false;
        self->state.look.under_way.reset();
        look_again_from_start(self->state);
        stop_if_quiet(self);
      });
}

void renew(supervisor_pointer self) {
  auto& state = self->state;
  std::vector<storage::held_claim> held;
  for (const auto& [id, entry] : state.attempts)
    held.push_back({id, entry.job.claim});
  if (held.empty())
    return;
  self->request(state.claimer, claim_within, renew_claims{std::move(held)})
    .then(
      [self](const claims_renewed& renewed) {
        for (const auto& lost : renewed.lost) {
          const auto found = self->state.attempts.find(lost.job);
          // One whose settlement is on its way may just have been settled.
          if (found == self->state.attempts.end() || found->second.job.claim != lost.claim
              || found->second.settlement)
            continue;
          ++figures_of(self->state).lost;
          forget(self, lost.job);
        }
      },
      [](const caf::error&) {}); // the next tick tries again
}

void stop_late_ones(supervisor_pointer self) {
  const auto now = self->clock().now();
  for (auto& [id, entry] : self->state.attempts)
    if (entry.worker && !entry.settlement && !entry.timed_out
        && now - entry.began > self->state.options.rules.within) {
      entry.timed_out = true;
      self->send_exit(entry.worker, caf::exit_reason::kill);
    }
}

void on_tick(supervisor_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (now >= state.next_sweep)
    look_again_from_start(state); // until such a look has begun
  if (now >= state.next_renewal) {
    state.next_renewal = now + state.options.renew_every;
    renew(self);
  }
  stop_late_ones(self);
  if (now >= state.next_poll && !state.stopping) {
    state.next_poll = now + state.options.poll_every;
    look_again_from_safe(state);
  }
  set_timer(self);
  pump(self);
}

/// Workers end with their supervisor, by its word.
void end_with_workers(supervisor_pointer self, const caf::error& why) {
  for (const auto& [id, entry] : self->state.attempts)
    if (entry.worker)
      self->send_exit(entry.worker, why);
  self->quit(why);
}

void begin(supervisor_pointer self) {
  auto& state = self->state;
  state.random.seed(state.around->seed());
  figures_of(state).has_runner = true;
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([self](caf::down_msg& down) { worker_ended(self, down); });
  self->set_exit_handler([self](caf::exit_msg& end) { end_with_workers(self, end.reason); });
  const auto now = self->clock().now();
  state.next_poll = now;
  state.next_renewal = now + state.options.renew_every;
  state.next_sweep = now + state.options.sweep_every;
  set_timer(self);
}

} // namespace

job_supervisor_actor::behavior_type supervisor_behavior(supervisor_pointer self,
                                                        const supervisor_options& options,
                                                        job_runner runner,
                                                        job_claimer_actor claimer,
                                                        std::shared_ptr<const surroundings> around,
                                                        std::shared_ptr<job_figures> figures) {
  auto& state = self->state;
  state.options = options;
  state.runner = std::move(runner);
  state.claimer = std::move(claimer);
  state.around = std::move(around);
  state.figures = std::move(figures);
  begin(self);
  return {
    [self, &state](const jobs_committed& committed) {
      figures_of(state).announced += committed.ids.size();
      figures_of(state).coming.add(committed.ids.size(), self->clock().now());
      for (const auto& id : committed.ids)
        if (state.announced.size() < state.options.announced_limit)
          state.announced.push_back(id);
        else if (!state.poll_is_due || state.look.under_way)
          look_again_from_safe(state);
      pump(self);
    },
    [self, &state](look_again) {
      look_again_from_start(state);
      pump(self);
    },
    [&state](const attempt_sends& sends) {
      if (auto* entry = entry_of(state, sends.job, sends.claim))
        entry->sending = true;
    },
    [&state](const attempt_can_ask& asks) {
      if (auto* entry = entry_of(state, asks.job, asks.claim))
        entry->can_be_asked = true;
    },
    [self](const attempt_done& done) { conclude(self, done); },
    [self, &state](job_tick tick) {
      if (tick.generation == state.tick)
        on_tick(self);
    },
    [self, &state](stop_jobs stop) -> caf::result<jobs_stopped> {
      state.stopping = true;
      state.stop_by = self->clock().now() + stop.grace;
      state.stopped = self->make_response_promise<jobs_stopped>();
      auto answer = *state.stopped;
      set_timer(self); // what runs on keeps its leases
      stop_if_quiet(self);
      return answer;
    },
  };
}

} // namespace hub::actors
