#include "actors/jobs/attempt.hpp"

#include "actors/failure_bridge.hpp"

#include <caf/send.hpp>

#include <utility>

namespace hub::actors {

void attempt::can_be_asked() const {
  self_->send(self_->state.supervisor, attempt_can_ask{job().id, job().claim});
}

void attempt::begin_sending(std::function<void()> go_on,
                            std::shared_ptr<const domain::change> with) const {
  auto mark = with ? *with : domain::change{};
  mark.workspace = job().workspace;
  mark.at = around().now();
  mark.step.emplace();
  mark.step->what = domain::job_step::kind::begin_sending;
  mark.step->job = job().id;
  mark.step->claim = job().claim;
  mark.step->of = job().kind;
  auto what = std::make_shared<const domain::change>(std::move(mark));
  self_->request(around().journal, save_within, commit_change{std::move(what)})
    .then(
      [*this, go_on = std::move(go_on), has_more = with != nullptr](
        const domain::verdict& verdict) {
        if (has_more && verdict.what == domain::verdict::kind::conflict)
          return succeed(); // which a lost claim refuses, too
        if (verdict.what != domain::verdict::kind::committed)
          return fail(verdict.why.value_or(
            domain::fail(domain::errc::unavailable, "the send could not be recorded")));
        self_->send(self_->state.supervisor, attempt_sends{job().id, job().claim});
        go_on();
      },
      [*this](const caf::error& error) {
        // Recorded or not, nothing was sent.
        auto why = from_caf_reading(error);
        fail(std::move(why));
      });
}

std::function<void(std::function<void()>)> attempt::way_home() const {
  // Weak: an answer that comes late must not keep an ended attempt.
  return [home = caf::actor_addr{self_->address()}](std::function<void()> what) {
    if (const auto alive = caf::actor_cast<caf::actor>(home))
      caf::anon_send(alive, run_here{std::move(what)});
  };
}

void attempt::succeed(std::shared_ptr<const domain::change> effects) const {
  end({job().id, job().claim, std::move(effects), std::nullopt});
}

void attempt::fail(domain::failure why, std::string error_class) const {
  end({job().id,
       job().claim,
       nullptr,
       std::move(why),
       known_of_send::unsaid,
       std::move(error_class)});
}

void attempt::leave_open(domain::failure why) const {
  end({job().id, job().claim, nullptr, std::move(why), known_of_send::can_be_asked});
}

void attempt::fail_unsent(domain::failure why) const {
  end({job().id, job().claim, nullptr, std::move(why), known_of_send::not_sent});
}

void attempt::end(attempt_done how) const {
  if (std::exchange(self_->state.ended, true))
    return;
  self_->send(self_->state.supervisor, std::move(how));
  self_->quit();
}

caf::behavior worker_behavior(worker_pointer self,
                              domain::claimed_job job,
                              const job_runner& runner,
                              job_supervisor_actor supervisor,
                              std::shared_ptr<const surroundings> around) {
  auto& state = self->state;
  state.around = std::move(around);
  state.supervisor = std::move(supervisor);
  state.job = std::move(job);
  self->set_error_handler([](caf::error&) {});
  // Its text may hold anything, so it is shown nowhere.
  self->set_exception_handler(
    [](std::exception_ptr&) -> caf::error { return caf::sec::runtime_error; });
  runner(attempt{self});
  return {[self](const run_here& homecoming) {
    if (!self->state.ended)
      homecoming.what();
  }};
}

} // namespace hub::actors
