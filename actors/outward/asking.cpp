#include "actors/outward/asking.hpp"

#include "actors/failure_bridge.hpp"
#include "domain/provider.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hub::actors {

namespace {

using domain::errc;
using domain::fail;
using namespace std::chrono_literals;

// The longest a limiter lets anybody wait, and a little.
constexpr auto permit_within = 35s;
constexpr auto look_every = 1s;
// Whoever finds the line full comes back after some have left it.
constexpr auto line_moves_within = 5s;
// A call with less time left is not worth its place.
constexpr auto shortest_call = 1s;

/// What the desk said, on its way home to the actor that asked.
struct desk_answered {
  domain::result<model_answer> answer;
};

} // namespace

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::desk_answered)

namespace hub::actors {

namespace {

struct errand_state {
  errand_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "model_question";
  model_asker_actor asker;
  std::uint64_t question = 0;
  model_request what;
  limiters_actor limiters;
  model_desk* desk = nullptr;
  std::shared_ptr<const surroundings> around;
  caf::actor_clock::time_point over{};
  permit given;
};

using errand_pointer = caf::stateful_actor<errand_state, metered<>>*;

void tell(errand_pointer self, domain::result<model_answer> answer) {
  self->send(self->state.asker, model_asked{self->state.question, std::move(answer)});
}

/// Lets every node know that the provider wants no calls for a while. When that is lost, the next
/// call hears it again.
void record_cooldown(errand_pointer self, std::chrono::seconds pause) {
  const auto& state = self->state;
  domain::change note;
  note.workspace = state.what.workspace;
  note.at = state.around->now();
  note.cooldown.emplace();
  note.cooldown->whom = domain::provider::openai;
  note.cooldown->until = note.at + pause;
  auto what = std::make_shared<const domain::change>(std::move(note));
  self->request(state.around->journal, save_within, commit_change{std::move(what)})
    .then([self](const domain::verdict&) { self->quit(); },
          [self](const caf::error&) { self->quit(); });
}

void desk_has_answered(errand_pointer self, const domain::result<model_answer>& answer) {
  const auto* why = answer ? nullptr : &answer.why();
  self->send(
    self->state.given.from,
    permit_used{self->state.given.call,
                outcome_of(why),
                why != nullptr ? why->retry_after : std::optional<std::chrono::seconds>{}});
  if (why == nullptr || why->code != errc::rate_limited) {
    tell(self, answer);
    return self->quit();
  }
  auto limited = *why;
  if (!limited.retry_after)
    limited.retry_after = domain::default_limits(domain::provider::openai).default_pause;
  const auto pause = *limited.retry_after;
  tell(self, std::move(limited));
  record_cooldown(self, pause);
}

void ask_desk(errand_pointer self, const permit& given) {
  auto& state = self->state;
  state.given = given;
  // What is left for the call, so that its end comes before anybody gives it up.
  const auto left =
    std::chrono::duration_cast<std::chrono::milliseconds>(state.over - self->clock().now());
  if (left < shortest_call) {
    self->send(given.from, permit_used{given.call, domain::call_outcome::undecided, std::nullopt});
    tell(self, fail(errc::unavailable, "the model could not be asked in time"));
    return self->quit();
  }
  state.what.within = left;
  // Weak: an answer that comes late must not keep an actor that has ended.
  state.desk->ask(state.what,
                  [home = caf::actor_addr{self->address()}](domain::result<model_answer> answer) {
                    if (const auto alive = caf::actor_cast<caf::actor>(home))
                      caf::anon_send(alive, desk_answered{std::move(answer)});
                  });
}

/// One question, alone in its actor: limiters know their callers by that.
caf::behavior errand_behavior(errand_pointer self, const errand_state& begin) {
  auto& state = self->state;
  state = begin;
  self->set_error_handler([](caf::error&) {});
  // Its text may hold anything, so it is shown nowhere.
  self->set_exception_handler(
    [](std::exception_ptr&) -> caf::error { return caf::sec::runtime_error; });
  // A line for each: one question never waits for another's answer.
  const auto wanted =
    want_permit{state.what.workspace, domain::provider::openai, std::to_string(state.question)};
  self->request(state.limiters, permit_within, wanted)
    .then([self](const permit& given) { ask_desk(self, given); },
          [self](const caf::error& error) {
            tell(self, why_no_permit(error));
            self->quit();
          });
  return {[self](const desk_answered& came) { desk_has_answered(self, came.answer); }};
}

domain::failure come_back(std::string why, std::chrono::seconds after) {
  auto made = fail(errc::rate_limited, std::move(why));
  made.retry_after = after;
  return made;
}

/// Why a question is not asked at all; unset where it may be.
std::optional<domain::failure> refusal(const asker_state& state, const ask_model& wanted) {
  if (wanted.cooling_until && *wanted.cooling_until > state.around->now())
    return come_back(
      "the provider of models asked for a pause",
      std::chrono::ceil<std::chrono::seconds>(*wanted.cooling_until - state.around->now()));
  if (state.asked.size() >= state.options.most)
    return come_back("too many questions wait for models", line_moves_within);
  return std::nullopt;
}

void set_timer(asker_pointer self) {
  if (!self->state.asked.empty())
    self->delayed_send(self, look_every, asking_tick{++self->state.tick});
}

/// The question is answered, once; what still works at it is of no use any more.
void settle(asker_pointer self, std::uint64_t which, const domain::result<model_answer>& answer) {
  auto& state = self->state;
  auto found = state.asked.extract(which);
  if (found.empty())
    return;
  auto& promise = found.mapped().promise;
  if (answer)
    promise.deliver(*answer);
  else
    promise.deliver(to_caf(answer.why()));
  state.by_errand.erase(found.mapped().errand.id());
}

void give_up_late(asker_pointer self) {
  auto& state = self->state;
  std::vector<std::pair<std::uint64_t, caf::actor>> late;
  for (const auto& [which, asked] : state.asked)
    if (asked.over <= self->clock().now())
      late.emplace_back(which, asked.errand);
  for (const auto& [which, errand] : late) {
    settle(self, which, fail(errc::timed_out, "the model took too long to answer"));
    self->send_exit(errand, caf::exit_reason::kill); // gives its permit back
  }
}

void begin_question(asker_pointer self,
                    const ask_model& wanted,
                    const caf::typed_response_promise<model_answer>& promise) {
  auto& state = self->state;
  errand_state begin;
  begin.asker = caf::actor_cast<model_asker_actor>(self);
  begin.question = state.next_question++;
  begin.what = wanted.what;
  begin.limiters = state.limiters;
  begin.desk = state.desk;
  begin.around = state.around;
  begin.over = self->clock().now() + std::min<std::chrono::milliseconds>(wanted.within, ask_within);
  auto& question = state.asked[begin.question];
  question.promise = promise;
  question.over = begin.over;
  question.errand = self->spawn<caf::monitored>(errand_behavior, begin);
  state.by_errand.emplace(question.errand.id(), begin.question);
  if (state.asked.size() == 1)
    set_timer(self);
}

/// An actor that ended without a word has failed, whatever it met.
void errand_ended(asker_pointer self, const caf::down_msg& down) {
  auto& state = self->state;
  const auto known = state.by_errand.find(down.source.id());
  if (known != state.by_errand.end())
    settle(self, known->second, fail(errc::internal, "the asking of a model broke off"));
}

} // namespace

asker_state::~asker_state() {
  for (auto& [which, each] : asked)
    each.promise.deliver(
      to_caf(come_back("the hub cannot ask models right now", line_moves_within)));
}

model_asker_actor::behavior_type asker_behavior(asker_pointer self,
                                                asker_options options,
                                                limiters_actor limiters,
                                                model_desk* desk,
                                                std::shared_ptr<const surroundings> around) {
  auto& state = self->state;
  state.options = options;
  state.limiters = std::move(limiters);
  state.desk = desk;
  state.around = std::move(around);
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([self](const caf::down_msg& down) { errand_ended(self, down); });
  self->set_exit_handler([self, &state](caf::exit_msg& end) {
    for (const auto& [which, question] : state.asked)
      self->send_exit(question.errand, end.reason);
    self->quit(end.reason);
  });
  return {
    [self, &state](const ask_model& wanted) -> caf::result<model_answer> {
      auto answer = self->make_response_promise<model_answer>();
      if (const auto why = refusal(state, wanted))
        answer.deliver(to_caf(*why));
      else
        begin_question(self, wanted, answer);
      return answer;
    },
    [self](const model_asked& done) { settle(self, done.question, done.answer); },
    [self, &state](asking_tick tick) {
      if (tick.generation != state.tick)
        return;
      give_up_late(self);
      set_timer(self);
    },
  };
}

} // namespace hub::actors
