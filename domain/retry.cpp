#include "domain/retry.hpp"

#include <algorithm>
#include <cmath>

namespace hub::domain {

namespace {

using std::chrono::milliseconds;

/// A share of `whole` in [0, 1), from 53 bits of `random`.
milliseconds random_part(milliseconds whole, std::uint64_t random) {
  const auto share = static_cast<double>(random >> 11U) * 0x1.0p-53;
  return milliseconds{static_cast<milliseconds::rep>(static_cast<double>(whole.count()) * share)};
}

struct delay_of {
  int attempt;
  std::uint64_t random;

  milliseconds operator()(const listed_delays& listed) const {
    const auto last = static_cast<int>(listed.delays.size()) - 1;
    return listed.delays[static_cast<std::size_t>(std::clamp(attempt - 1, 0, last))];
  }

  milliseconds operator()(const jittered_doubling& doubling) const {
    auto whole = doubling.first;
    for (int i = 1; i < attempt && whole < doubling.most; ++i)
      whole *= 2;
    return random_part(std::min(whole, doubling.most), random);
  }

  milliseconds operator()(const polynomial_delays& polynomial) const {
    const auto grown = static_cast<double>(polynomial.unit.count())
                       * std::pow(std::max(attempt, 1), polynomial.exponent);
    const auto most = static_cast<double>(polynomial.most.count());
    const milliseconds whole{static_cast<milliseconds::rep>(std::min(grown, most))};
    return whole + random_part(whole / 10, random);
  }
};

struct schedule_between {
  milliseconds first;
  milliseconds most;

  retry_schedule operator()(listed_delays listed) const {
    const auto was_first = std::max(listed.delays.front(), milliseconds{1});
    for (auto& delay : listed.delays)
      delay = std::min(milliseconds{delay.count() * first.count() / was_first.count()}, most);
    return listed;
  }
  retry_schedule operator()(const jittered_doubling&) const {
    return jittered_doubling{first, most};
  }
  retry_schedule operator()(const polynomial_delays& polynomial) const {
    return polynomial_delays{first, polynomial.exponent, most};
  }
};

} // namespace

retry_schedule between(const retry_schedule& schedule, milliseconds first, milliseconds most) {
  return std::visit(schedule_between{first, most}, schedule);
}

milliseconds delay_after(const retry_schedule& schedule, int attempt, std::uint64_t random) {
  return std::visit(delay_of{attempt, random}, schedule);
}

bool is_permanent(errc code) {
  switch (code) {
  case errc::malformed:
  case errc::invalid_input:
  case errc::unauthorized:
  case errc::forbidden:
  case errc::not_found:
  case errc::conflict:
  case errc::too_large:
  case errc::unsupported_media:
    return true;
  case errc::rate_limited:
  case errc::unavailable:
  case errc::unknown_outcome:
  case errc::timed_out:
  case errc::internal:
    return false;
  }
  return false;
}

retry_decision decide_retry(const failure& why,
                            int attempt,
                            milliseconds age,
                            const retry_policy& policy,
                            std::uint64_t random) {
  using step = retry_decision::step;
  if (is_permanent(why.code))
    return {step::give_up, {}};
  if (why.code == errc::unknown_outcome && !policy.repeatable)
    return {step::ask_person, {}};
  auto delay = delay_after(policy.schedule, attempt, random);
  if (why.retry_after)
    delay = std::clamp<std::chrono::seconds>(
      *why.retry_after, std::chrono::seconds{0}, longest_retry_after);
  if (why.code == errc::rate_limited)
    return age + delay < policy.patience ? retry_decision{step::hold_back, delay}
                                         : retry_decision{step::give_up, {}};
  if (attempt >= policy.most_attempts)
    return {step::give_up, {}};
  return {step::retry, delay};
}

} // namespace hub::domain
