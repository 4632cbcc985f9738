#pragma once

#include "actors/jobs/claimer.hpp"
#include "actors/jobs/job_figures.hpp"
#include "actors/jobs/supervisor.hpp"
#include "actors/limiter/limiter.hpp"
#include "actors/outward/protocol.hpp"
#include "actors/surroundings.hpp"
#include "actors/watcher/watcher.hpp"

#include <caf/actor_system.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace hub::actors {

struct job_room_options {
  make_job_store make_store;
  limits_source limits;
  domain::job_rules_table rules = domain::all_job_rules();
  std::chrono::milliseconds poll_every{1000};
  /// Well within the lease. Lost ones are looked for as often, or every five seconds.
  std::chrono::milliseconds renew_every{5000};
  /// Who can do which kind; kinds without a runner wait for a node that has one.
  std::function<std::map<domain::job_kind, job_runner>(const limiters_actor& limiters,
                                                       const model_asker_actor& asker)>
    runners;
  /// Asks models; must outlive the room. Null: nobody can, and there is no asker.
  model_desk* models = nullptr;
  /// Called when one of the room's actors ends before it was told to.
  on_loss lost;
};

/// Everything on a node that does jobs: the claimer, a supervisor per kind, the rate limiters, who
/// asks models.
class job_room {
public:
  job_room(caf::actor_system& system,
           std::shared_ptr<const surroundings> around,
           const job_room_options& options);
  ~job_room();
  job_room(const job_room&) = delete;
  job_room& operator=(const job_room&) = delete;

  /// Begins nothing new, waits up to `grace` for what runs, gives back the rest.
  void stop(std::chrono::milliseconds grace);

  [[nodiscard]] const job_figures& jobs() const { return *jobs_; }
  [[nodiscard]] const limiter_figures& providers() const { return *providers_; }
  /// The supervisor of a kind; null where this node cannot do it.
  [[nodiscard]] const job_supervisor_actor& supervisor_of(domain::job_kind kind) const {
    return supervisors_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] const model_asker_actor& asker() const { return asker_; }

private:
  caf::actor_system& system_;
  std::shared_ptr<job_figures> jobs_ = std::make_shared<job_figures>();
  std::shared_ptr<limiter_figures> providers_ = std::make_shared<limiter_figures>();
  job_claimer_actor claimer_;
  limiters_actor limiters_;
  model_asker_actor asker_;
  caf::actor watcher_;
  std::array<job_supervisor_actor, domain::job_kind_count> supervisors_;
  bool stopped_ = false;
};

} // namespace hub::actors
