#include "http/server/auth/traffic_control.hpp"

#include <algorithm>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using time_point = std::chrono::steady_clock::time_point;

constexpr std::size_t remembered = 20'000; // of each scope
constexpr seconds at_once{10};             // that much of the rate
constexpr seconds until_a_stream_may_end{5};

/// What was used is paid back by time: a debt, and nothing else.
class allowance {
public:
  /// Until more may be used; zero: at once.
  [[nodiscard]] nanoseconds wait(time_point now) const {
    return std::max(nanoseconds{0}, paid_at_ - now - at_once);
  }
  void use(time_point now, std::size_t units, std::size_t units_per_second) {
    if (units_per_second > 0)
      paid_at_ = std::max(paid_at_, now)
                 + nanoseconds{static_cast<std::int64_t>(1e9 * static_cast<double>(units)
                                                         / static_cast<double>(units_per_second))};
  }
  [[nodiscard]] bool is_paid(time_point now) const { return paid_at_ <= now; }

private:
  time_point paid_at_{};
};

struct allowances {
  allowance calls;
  allowance bytes;
};

} // namespace

struct traffic_control::line {
  traffic_scope scope{};
  traffic_rules rules;
  std::mutex mutex;
  std::unordered_map<std::string, allowances> used;
  std::unordered_map<std::string, int> streams;
  std::atomic<std::uint64_t> refused{0};

  /// `mutex` must be held.
  allowances& used_by(const std::string& id, time_point now) {
    if (used.size() >= remembered)
      std::erase_if(used, [&](const auto& one) {
        return one.second.calls.is_paid(now) && one.second.bytes.is_paid(now);
      });
    if (used.size() >= remembered) // from everywhere at once: what counts by less still holds
      used.clear();
    return used[id];
  }
};

std::string_view to_string(traffic_scope scope) {
  switch (scope) {
  case traffic_scope::address:
    return "address";
  case traffic_scope::session:
    return "session";
  case traffic_scope::key:
    return "key";
  case traffic_scope::workspace:
    return "workspace";
  }
  return "";
}

traffic_control::traffic_control(const rules_table& rules, clock now)
  : now_{std::move(now)}, lines_{std::make_shared<std::array<line, traffic_scope_count>>()} {
  for (std::size_t i = 0; i < traffic_scope_count; ++i) {
    (*lines_)[i].scope = static_cast<traffic_scope>(i);
    (*lines_)[i].rules = rules[i];
  }
}

traffic_control::line& traffic_control::line_of(traffic_scope scope) const {
  return (*lines_)[static_cast<std::size_t>(scope)];
}

domain::failure traffic_control::refuse(line& of, std::string message, nanoseconds wait) const {
  ++of.refused;
  auto why = domain::fail(errc::rate_limited, std::move(message));
  why.retry_after = std::max(seconds{1}, std::chrono::ceil<seconds>(wait));
  return why;
}

domain::outcome traffic_control::begin(const traffic_of& whose, std::size_t bytes) {
  auto& all = line_of(whose.scope);
  const auto calls_a_second = static_cast<std::size_t>(all.rules.calls_per_second);
  if (calls_a_second == 0 && all.rules.body_bytes_per_second == 0)
    return domain::done{};
  const auto now = now_();
  const std::lock_guard lock{all.mutex};
  auto& used = all.used_by(whose.id, now);
  const auto by = std::string{" by this "}.append(to_string(whose.scope));
  if (const auto wait = used.calls.wait(now); wait > nanoseconds{0})
    return refuse(all,
                  "too many calls" + by + ": " + std::to_string(calls_a_second)
                    + " a second may go on for long",
                  wait);
  if (const auto wait = used.bytes.wait(now); wait > nanoseconds{0} && bytes > 0)
    return refuse(all,
                  "too much was sent" + by + ": " + std::to_string(all.rules.body_bytes_per_second)
                    + " bytes a second may go on for long",
                  wait);
  used.calls.use(now, 1, calls_a_second);
  used.bytes.use(now, bytes, all.rules.body_bytes_per_second);
  return domain::done{};
}

domain::result<traffic_control::stream_place>
traffic_control::open_stream(const traffic_of& whose) {
  auto& all = line_of(whose.scope);
  const std::lock_guard lock{all.mutex};
  auto& open = all.streams[whose.id];
  if (all.rules.streams > 0 && open >= all.rules.streams)
    return refuse(all,
                  std::string{"too many streams are open by this "}
                    .append(to_string(whose.scope))
                    .append(": at most ")
                    .append(std::to_string(all.rules.streams)),
                  until_a_stream_may_end);
  ++open;
  return stream_place{static_cast<const void*>(&all),
                      [lines = lines_, &all, id = whose.id](const void*) {
                        const std::lock_guard ended{all.mutex};
                        if (const auto found = all.streams.find(id);
                            found != all.streams.end() && --found->second == 0)
                          all.streams.erase(found);
                      }};
}

std::uint64_t traffic_control::refused(traffic_scope scope) const {
  return line_of(scope).refused;
}

} // namespace hub::http
