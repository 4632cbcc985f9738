#include "http/server/json/actor_details.hpp"

#include <chrono>

namespace hub::http {

namespace {

using nlohmann::json;

json to_json(const actors::job_kind_figures& of, domain::job_kind kind) {
  const auto now = std::chrono::steady_clock::now();
  return {{"job_class", to_string(kind)},
          {"state", to_string(of.state.load())},
          {"due", of.due.load()},
          {"oldest_due_s", static_cast<double>(of.oldest_due_ms.load()) / 1000.0},
          {"in_per_s", of.coming.per_second(now)},
          {"out_per_s", of.leaving.per_second(now)},
          {"running", of.running.load()},
          {"retrying", of.retrying.load()},
          {"dead", of.dead.load()}};
}

json supervisors(const actors::job_figures& figures) {
  auto all = json::array();
  for (const auto& rules : domain::all_job_rules())
    if (const auto& of = figures.of(rules.kind); of.has_runner)
      all.push_back(to_json(of, rules.kind));
  return all;
}

json limiters(const actors::limiter_figures& figures, const domain::uuid& workspace) {
  auto all = json::array();
  for (const auto& each : figures.live()) {
    if (each.workspace != workspace)
      continue;
    all.push_back({{"workspace_id", to_string(each.workspace)},
                   {"provider", to_string(each.whom)},
                   {"breaker", to_string(each.gauges->breaker.load())},
                   {"tokens", each.gauges->tokens.load()},
                   {"waiting", each.gauges->waiting.load()},
                   {"under_way", each.gauges->under_way.load()},
                   {"paused_s", static_cast<double>(each.gauges->paused_ms.load()) / 1000.0}});
  }
  return all;
}

} // namespace

const char* to_string(domain::circuit_breaker::state state) {
  using breaker = domain::circuit_breaker::state;
  switch (state) {
  case breaker::closed:
    return "closed";
  case breaker::open:
    return "open";
  case breaker::half_open:
    return "half_open";
  }
  return "";
}

json actor_details(const context& hub, const std::string& kind, const domain::uuid& workspace) {
  if (kind == "job_supervisor" && hub.jobs != nullptr)
    return supervisors(*hub.jobs);
  if (kind == "rate_limiter" && hub.providers != nullptr)
    return limiters(*hub.providers, workspace);
  return nullptr;
}

} // namespace hub::http
