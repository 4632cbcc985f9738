#include "domain/limiter.hpp"

#include <algorithm>
#include <utility>

namespace hub::domain {

namespace {

using std::chrono::milliseconds;

// Recipients whose bucket is full again are forgotten; beyond this many, all are looked through.
constexpr std::size_t many_recipients = 10'000;

std::chrono::seconds rounded_up(tick_point::duration wait) {
  return std::chrono::ceil<std::chrono::seconds>(std::max(wait, tick_point::duration::zero()));
}

} // namespace

tick_point token_bucket::next(tick_point now) const {
  // One more token must leave the debt within `burst`.
  const auto allowed = full_at_ - rate_.every * (rate_.burst - 1);
  return std::max(now, allowed);
}

void token_bucket::take(tick_point now) {
  full_at_ = std::max(full_at_, now) + rate_.every;
}

void token_bucket::give_back(tick_point now) {
  full_at_ = std::max(now, full_at_ - rate_.every);
}

int token_bucket::tokens(tick_point now) const {
  if (rate_.every == milliseconds{0} || full_at_ <= now)
    return rate_.burst;
  const auto missing = (full_at_ - now + rate_.every - tick_point::duration{1}) / rate_.every;
  return std::max(0, rate_.burst - static_cast<int>(std::min<std::int64_t>(missing, rate_.burst)));
}

void token_bucket::change(call_rate rate, tick_point now) {
  if (full_at_ > now && rate_.every > milliseconds{0}) {
    const auto taken = (full_at_ - now + rate_.every - tick_point::duration{1}) / rate_.every;
    full_at_ = now + rate.every * std::min<std::int64_t>(taken, rate.burst);
  }
  rate_ = rate;
}

circuit_breaker::state circuit_breaker::now_is(tick_point now) const {
  if (!tripped_)
    return state::closed;
  return now < until_ ? state::open : state::half_open;
}

bool circuit_breaker::lets_through(tick_point now) const {
  const auto is = now_is(now);
  return is == state::closed || (is == state::half_open && !trial_);
}

void circuit_breaker::begin(tick_point now) {
  trial_ = now_is(now) == state::half_open;
}

void circuit_breaker::succeeded() {
  tripped_ = false;
  trial_ = false;
  failures_ = 0;
  open_for_ = rules_.open_for;
}

void circuit_breaker::failed(tick_point now) {
  ++failures_;
  if (tripped_ && !trial_)
    return; // a straggler from before
  if (tripped_)
    open_for_ = std::min(open_for_ * 2, rules_.longest_open);
  else if (failures_ < rules_.failures_to_open)
    return;
  tripped_ = true;
  trial_ = false;
  until_ = now + open_for_;
}

call_limiter::call_limiter(limiter_rules rules, tick_point now)
  : rules_{rules}, overall_{rules.overall, now}, breaker_{rules.breaker}, paused_until_{now} {}

tick_point call_limiter::blocked_until(tick_point now) const {
  auto until = std::max(now, paused_until_);
  if (breaker_.now_is(now) == circuit_breaker::state::open)
    until = std::max(until, breaker_.opens_until());
  return until;
}

failure call_limiter::come_back(std::string why, tick_point at, tick_point now) const {
  auto refused = fail(errc::rate_limited, std::move(why));
  refused.retry_after = std::max(rounded_up(at - now), std::chrono::seconds{1});
  return refused;
}

std::optional<failure>
call_limiter::enqueue(call_id call, const std::string& recipient, tick_point now) {
  const auto until = blocked_until(now);
  if (until - now > rules_.longest_wait || (until > now && paused_until_ <= now))
    return come_back("the provider is down or asked for a pause", until, now);
  if (breaker_.now_is(now) == circuit_breaker::state::half_open && !breaker_.lets_through(now))
    return come_back("the provider is being tried after a failure", now, now);
  if (waiting_ >= rules_.longest_queue)
    return come_back("too many calls wait for this provider", now + rules_.overall.every, now);
  if (lanes_.size() >= many_recipients)
    sweep(now);
  auto& to = lanes_.try_emplace(recipient, lane{token_bucket{rules_.per_recipient, now}, now, {}})
               .first->second;
  const auto ahead = static_cast<int>(to.waiting.size());
  const auto turn = std::max(until, to.next(now)) + rules_.per_recipient.every * ahead;
  if (to.waiting.size() >= rules_.longest_recipient_queue || turn - now > rules_.longest_wait) {
    auto refused = come_back("too many calls wait for this recipient", turn, now);
    forget_idle(recipient, now);
    return refused;
  }
  to.waiting.push_back(call);
  if (!std::exchange(to.queued, true))
    turns_.push_back(recipient);
  recipient_of_.emplace(call, recipient);
  ++waiting_;
  return std::nullopt;
}

std::vector<call_limiter::call_id> call_limiter::admit(tick_point now) {
  std::vector<call_id> admitted;
  if (blocked_until(now) > now)
    return admitted;
  for (auto left = turns_.size(); left > 0; --left) {
    if (overall_.next(now) > now || !breaker_.lets_through(now))
      break;
    auto recipient = std::move(turns_.front());
    turns_.pop_front();
    auto& to = lanes_.at(recipient);
    if (to.busy || to.next(now) > now) {
      turns_.push_back(std::move(recipient));
      continue;
    }
    admitted.push_back(to.waiting.front());
    to.waiting.pop_front();
    to.busy = true;
    to.bucket.take(now);
    overall_.take(now);
    breaker_.begin(now);
    --waiting_;
    ++under_way_;
    to.queued = !to.waiting.empty();
    if (to.queued)
      turns_.push_back(std::move(recipient));
  }
  return admitted;
}

std::optional<tick_point> call_limiter::wake_at(tick_point now) const {
  std::optional<tick_point> soonest;
  if (breaker_.now_is(now) == circuit_breaker::state::half_open && !breaker_.lets_through(now))
    return soonest; // until the trial has ended
  for (const auto& recipient : turns_) {
    const auto& to = lanes_.at(recipient);
    if (to.busy)
      continue;
    const auto at = std::max({to.next(now), overall_.next(now), blocked_until(now)});
    if (!soonest || at < *soonest)
      soonest = at;
  }
  return soonest;
}

call_limiter::turned_away call_limiter::turn_away(tick_point now) {
  const auto until = blocked_until(now);
  turned_away away{{}, come_back("the provider is down or asked for a pause", until, now)};
  if (until - now <= rules_.longest_wait && breaker_.now_is(now) != circuit_breaker::state::open)
    return away;
  for (const auto& recipient : std::exchange(turns_, {})) {
    auto& to = lanes_.at(recipient);
    to.queued = false;
    for (const auto call : std::exchange(to.waiting, {})) {
      recipient_of_.erase(call);
      away.calls.push_back(call);
    }
    forget_idle(recipient, now);
  }
  waiting_ = 0;
  return away;
}

void call_limiter::finished(call_id call,
                            call_outcome how,
                            std::optional<std::chrono::seconds> retry_after,
                            tick_point now) {
  auto known = recipient_of_.extract(call);
  if (known.empty())
    return;
  const auto recipient = std::move(known.mapped());
  auto& to = lanes_.at(recipient);
  if (const auto waits = std::ranges::find(to.waiting, call); waits != to.waiting.end()) {
    to.waiting.erase(waits);
    --waiting_;
    if (to.waiting.empty() && std::exchange(to.queued, false))
      std::erase(turns_, recipient);
    return forget_idle(recipient, now);
  }
  to.busy = false;
  --under_way_;
  switch (how) {
  case call_outcome::ok:
    breaker_.succeeded();
    break;
  case call_outcome::throttled: // it is up, and it is right
    breaker_.succeeded();
    paused_until_ = std::max(paused_until_, now + retry_after.value_or(rules_.default_pause));
    break;
  case call_outcome::recipient_throttled:
    breaker_.succeeded();
    to.paused_until = now
                      + retry_after.value_or(std::chrono::ceil<std::chrono::seconds>(
                        std::max<milliseconds>(rules_.per_recipient.every, milliseconds{1})));
    break;
  case call_outcome::failed:
    breaker_.failed(now);
    if (retry_after)
      paused_until_ = std::max(paused_until_, now + *retry_after);
    break;
  case call_outcome::undecided:
    breaker_.undecided();
    break;
  }
  forget_idle(recipient, now);
}

void call_limiter::forget_idle(const std::string& recipient, tick_point now) {
  const auto found = lanes_.find(recipient);
  if (found != lanes_.end() && found->second.is_idle(now))
    lanes_.erase(found);
}

void call_limiter::sweep(tick_point now) {
  std::erase_if(lanes_, [now](const auto& each) { return each.second.is_idle(now); });
}

void call_limiter::change(call_rate overall, call_rate per_recipient, tick_point now) {
  if (rules_.overall != overall)
    overall_.change(overall, now);
  if (rules_.per_recipient != per_recipient)
    for (auto& [recipient, to] : lanes_)
      to.bucket.change(per_recipient, now);
  rules_.overall = overall;
  rules_.per_recipient = per_recipient;
}

call_limiter::view call_limiter::look(tick_point now) const {
  return {.breaker = breaker_.now_is(now),
          .tokens = overall_.tokens(now),
          .waiting = waiting_,
          .under_way = under_way_,
          .recipients = lanes_.size(),
          .paused_for = std::chrono::duration_cast<milliseconds>(
            std::max(paused_until_ - now, tick_point::duration::zero()))};
}

} // namespace hub::domain
