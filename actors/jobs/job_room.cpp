#include "actors/jobs/job_room.hpp"

#include "actors/outward/asking.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <utility>

namespace hub::actors {

// Lost claims are looked for, and the backlog is counted, this often even where leases are long.
constexpr std::chrono::milliseconds longest_look_interval{5000};

job_room::job_room(caf::actor_system& system,
                   std::shared_ptr<const surroundings> around,
                   const job_room_options& options)
  : system_{system} {
  claimer_ = system_.spawn<caf::detached>(job_claimer_behavior,
                                          options.make_store,
                                          std::min(options.renew_every, longest_look_interval),
                                          jobs_);
  limiters_ = system_.spawn(limiters_behavior, options.limits, providers_);
  std::vector<watched_actor> watched{
    {claimer_state::name, caf::actor_cast<caf::actor>(claimer_)},
    {limiters_state::name, caf::actor_cast<caf::actor>(limiters_)}};
  if (options.models != nullptr) {
    asker_ = system_.spawn(asker_behavior, asker_options{}, limiters_, options.models, around);
    watched.push_back({asker_state::name, caf::actor_cast<caf::actor>(asker_)});
  }
  for (auto& [kind, runner] : options.runners(limiters_, asker_)) {
    auto& supervisor = supervisors_[static_cast<std::size_t>(kind)];
    supervisor =
      system_.spawn(supervisor_behavior,
                    supervisor_options{.rules = options.rules[static_cast<std::size_t>(kind)],
                                       .poll_every = options.poll_every,
                                       .renew_every = options.renew_every},
                    runner,
                    claimer_,
                    around,
                    jobs_);
    caf::anon_send(around->journal, tell_of_jobs{kind, supervisor});
    watched.push_back({supervisor_state::name, caf::actor_cast<caf::actor>(supervisor)});
  }
  watcher_ = system_.spawn(watcher_behavior, std::move(watched), options.lost);
}

job_room::~job_room() {
  stop(std::chrono::milliseconds{0});
}

void job_room::stop(std::chrono::milliseconds grace) {
  if (std::exchange(stopped_, true))
    return;
  caf::scoped_actor self{system_};
  std::vector<caf::actor> handles;
  // All at once, so that the grace is spent only once.
  const auto patience = grace + std::chrono::seconds{3};
  const auto ask_to_stop = [&](const job_supervisor_actor& supervisor) {
    return self->request(supervisor, patience, stop_jobs{grace});
  };
  std::vector<decltype(ask_to_stop(supervisors_[0]))> answers;
  for (const auto& supervisor : supervisors_)
    if (supervisor)
      answers.push_back(ask_to_stop(supervisor));
  for (auto& answer : answers)
    answer.receive([](jobs_stopped) {}, [](const caf::error&) {}); // leases free what is left
  const auto end_all = [&] {
    for (const auto& handle : handles)
      self->send_exit(handle, caf::exit_reason::user_shutdown);
    self->wait_for(std::exchange(handles, {}));
  };
  handles.push_back(std::exchange(watcher_, nullptr)); // from here on, ends are meant
  end_all();
  for (auto& supervisor : supervisors_)
    if (supervisor)
      handles.push_back(caf::actor_cast<caf::actor>(std::exchange(supervisor, nullptr)));
  if (asker_)
    handles.push_back(caf::actor_cast<caf::actor>(std::exchange(asker_, nullptr)));
  end_all();
  handles.push_back(caf::actor_cast<caf::actor>(std::exchange(limiters_, nullptr)));
  handles.push_back(caf::actor_cast<caf::actor>(std::exchange(claimer_, nullptr)));
  end_all();
}

} // namespace hub::actors
