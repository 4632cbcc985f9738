#include "actors/limiter/limiter.hpp"

#include "actors/failure_bridge.hpp"
#include "config/log.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace hub::actors {

namespace {

using domain::call_outcome;

void show(limiter_pointer self) {
  const auto& state = self->state;
  const auto seen = state.limiter->look(self->clock().now());
  for (limiter_gauges* gauges :
       {state.gauges.get(), static_cast<limiter_gauges*>(&state.figures->of(state.whom))}) {
    gauges->waiting = static_cast<std::int64_t>(seen.waiting);
    gauges->under_way = static_cast<std::int64_t>(seen.under_way);
    gauges->tokens = seen.tokens;
    gauges->paused_ms = seen.paused_for.count();
    gauges->breaker = seen.breaker;
  }
}

/// To its callers the end of a limiter is one more limit: nothing was sent, no attempt is lost.
domain::failure limiter_lost() {
  auto why = domain::fail(domain::errc::rate_limited, "the limiter of these calls has to restart");
  why.retry_after = std::chrono::seconds{1};
  return why;
}

void refuse(limiter_state& state, std::uint64_t call, const domain::failure& why) {
  if (auto waits = state.waiting.extract(call); !waits.empty())
    waits.mapped().promise.deliver(to_caf(why));
  ++state.figures->of(state.whom).refused;
}

// Who waits for longer learns of other rates meanwhile.
constexpr std::chrono::seconds longest_nap{2};

void adopt_rates(limiter_state& state, domain::tick_point now) {
  const auto rules = state.rules();
  state.limiter->change(rules.overall, rules.per_recipient, now);
}

/// Lets go what may go, turns away what would wait too long, and comes back in time for the rest.
void let_go(limiter_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  adopt_rates(state, now);
  const auto away = state.limiter->turn_away(now);
  for (const auto call : away.calls)
    refuse(state, call, away.why);
  for (const auto call : state.limiter->admit(now)) {
    auto waits = state.waiting.extract(call);
    state.under_way.emplace(call, waits.mapped().caller);
    ++state.figures->of(state.whom).admitted;
    waits.mapped().promise.deliver(permit{call, caf::actor_cast<limiter_actor>(self)});
  }
  if (const auto wake = state.limiter->wake_at(now)) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*wake - now);
    self->delayed_send(
      self,
      std::clamp(wait, std::chrono::milliseconds{1}, std::chrono::milliseconds{longest_nap}),
      limiter_tick{++state.tick});
  }
  show(self);
}

void count(provider_figures& figures, call_outcome how) {
  switch (how) {
  case call_outcome::ok:
  case call_outcome::undecided:
    break;
  case call_outcome::throttled:
  case call_outcome::recipient_throttled:
    ++figures.throttled;
    break;
  case call_outcome::failed:
    ++figures.failed;
    break;
  }
}

/// Whoever is gone neither waits nor calls any more.
void caller_ended(limiter_pointer self, const caf::actor_addr& caller) {
  auto& state = self->state;
  std::vector<std::uint64_t> calls;
  for (const auto& [call, who] : state.under_way)
    if (who == caller)
      calls.push_back(call);
  for (const auto& [call, waits] : state.waiting)
    if (waits.caller == caller)
      calls.push_back(call);
  for (const auto call : calls) {
    state.waiting.erase(call);
    state.under_way.erase(call);
    state.limiter->finished(call, call_outcome::undecided, std::nullopt, self->clock().now());
  }
  if (!calls.empty())
    let_go(self);
}

} // namespace

limiter_state::~limiter_state() {
  if (!figures)
    return;
  for (auto& [call, waits] : waiting)
    waits.promise.deliver(to_caf(limiter_lost()));
  auto& last_seen = figures->of(whom);
  last_seen.waiting = 0;
  last_seen.under_way = 0;
}

limiter_actor::behavior_type limiter_behavior(limiter_pointer self,
                                              const domain::uuid& workspace,
                                              domain::provider whom,
                                              const limits_source& limits,
                                              const std::shared_ptr<limiter_figures>& figures) {
  auto& state = self->state;
  state.whom = whom;
  state.figures = figures;
  state.figures->add(workspace, whom, state.gauges);
  state.rules = [limits, workspace, whom] { return limits(workspace, whom); };
  state.limiter.emplace(state.rules(), self->clock().now());
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([self](const caf::down_msg& down) { caller_ended(self, down.source); });
  show(self);
  return {
    [self, &state](const want_permit& wanted) -> caf::result<permit> {
      const auto caller = caf::actor_cast<caf::actor_addr>(self->current_sender());
      auto answer = self->make_response_promise<permit>();
      const auto call = state.next_call++;
      adopt_rates(state, self->clock().now());
      if (const auto why = state.limiter->enqueue(call, wanted.recipient, self->clock().now())) {
        ++state.figures->of(state.whom).refused;
        answer.deliver(to_caf(*why));
        return answer;
      }
      state.waiting.emplace(call, limiter_state::waiting_call{answer, caller});
      self->monitor(caller);
      let_go(self);
      return answer;
    },
    [self, &state](const permit_used& used) {
      const auto known = state.under_way.extract(used.call);
      if (known.empty())
        return;
      self->demonitor(known.mapped());
      count(state.figures->of(state.whom), used.how);
      state.limiter->finished(used.call, used.how, used.retry_after, self->clock().now());
      let_go(self);
    },
    [self, &state](limiter_tick tick) {
      if (tick.generation == state.tick)
        let_go(self);
    },
  };
}

namespace {

void forget_limiter(limiters_state& state, const caf::down_msg& down) {
  const auto gone = std::ranges::find_if(
    state.limiters, [&](const auto& each) { return each.second.address() == down.source; });
  if (gone == state.limiters.end())
    return;
  config::log(config::log_level::error,
              "limiter_lost",
              {{"provider", std::string{to_string(gone->first.second)}}});
  ++metrics_registry::instance().kind(limiter_state::name).restarts;
  state.limiters.erase(gone);
}

} // namespace

domain::failure why_no_permit(const caf::error& error) {
  // What CAF says of a limiter that ended before it read the question.
  return error == caf::sec::request_receiver_down ? limiter_lost() : from_caf_reading(error);
}

domain::call_outcome outcome_of(const domain::failure* why) {
  if (why == nullptr)
    return call_outcome::ok;
  using domain::errc;
  switch (why->code) {
  case errc::rate_limited:
    return why->limits == domain::limit_scope::recipient ? call_outcome::recipient_throttled
                                                         : call_outcome::throttled;
  case errc::unavailable:
  case errc::unknown_outcome:
  case errc::timed_out:
    return call_outcome::failed;
  default:
    return call_outcome::ok;
  }
}

limiters_actor::behavior_type limiters_behavior(limiters_pointer self,
                                                limits_source limits,
                                                const std::shared_ptr<limiter_figures>& figures) {
  auto& state = self->state;
  const auto find = [self, &state, limits, figures](const domain::uuid& workspace,
                                                    domain::provider whom) -> const limiter_actor& {
    auto& limiter = state.limiters[{workspace, whom}];
    if (!limiter)
      limiter = self->spawn<caf::monitored>(limiter_behavior, workspace, whom, limits, figures);
    return limiter;
  };
  self->set_error_handler([](caf::error&) {});
  // One that failed is made anew when it is wanted.
  self->set_down_handler([&state](const caf::down_msg& down) { forget_limiter(state, down); });
  self->set_exit_handler([self, &state](caf::exit_msg& end) {
    for (const auto& [key, limiter] : state.limiters)
      self->send_exit(limiter, end.reason);
    self->quit(end.reason);
  });
  return {
    [self, find](const want_permit& wanted) -> caf::result<permit> {
      return self->delegate(find(wanted.workspace, wanted.whom), wanted);
    },
  };
}

} // namespace hub::actors
