#include "actors/ticket/ticket.hpp"

#include "actors/failure_bridge.hpp"

#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

namespace hub::actors {

namespace {

using domain::change;
using domain::verdict;

constexpr int decision_attempts = 4;

/// One command on its way: decided, saved, and decided again when the ticket moved meanwhile.
template <class Reply>
struct command {
  /// What to change, given the ticket; nothing when there is nothing to do.
  std::function<domain::result<std::optional<change>>(const domain::ticket_core&)> decide;
  /// The answer once it is saved (or, without a verdict, found to be done already).
  std::function<Reply(const domain::ticket_core&, const verdict*)> answer;
  /// For a decision that is refused, perhaps only because it was carried out before: the Change
  /// that the journal knows to be a duplicate then.
  std::function<change(const domain::ticket_core&)> recall;
  caf::typed_response_promise<Reply> promise;
  int attempts_left = decision_attempts;
};

template <class Reply>
void decide_and_save(ticket_pointer self, std::shared_ptr<command<Reply>> task);

/// Reads the ticket anew, then goes on with the task. `await`: nothing else is handled meanwhile.
template <class Reply>
void reload(ticket_pointer self, std::shared_ptr<command<Reply>> task) {
  const auto& core = self->state.core;
  self->request(self->state.around->core_reader, load_within, read_core{core.workspace, core.id})
    .await(
      [self, task](const domain::ticket_core& fresh) {
        self->state.core = fresh;
        self->state.stale = false;
        decide_and_save(self, task);
      },
      [task](caf::error& error) { task->promise.deliver(to_caf(from_caf_reading(error))); });
}

template <class Reply>
void settle(ticket_pointer self,
            std::shared_ptr<command<Reply>> task,
            const change& saved,
            const verdict& answer) {
  auto& state = self->state;
  switch (answer.what) {
  case verdict::kind::committed:
    if (saved.updates)
      state.core = domain::after(state.core, *saved.updates, answer.version);
    task->promise.deliver(task->answer(state.core, &answer));
    return;
  case verdict::kind::conflict: // somebody else moved it, another node or a linked identity
    if (answer.why) {           // it is not the ticket's version that stands in the way
      task->promise.deliver(to_caf(*answer.why));
      return;
    }
    if (--task->attempts_left > 0) {
      reload(self, std::move(task));
      return;
    }
    task->promise.deliver(
      to_caf(domain::fail(domain::errc::conflict, "the ticket is changing too fast; try again")));
    return;
  case verdict::kind::duplicate:
  case verdict::kind::quarantined:
    task->promise.deliver(task->answer(state.core, &answer));
    return;
  case verdict::kind::known_thread:
  case verdict::kind::failed:
    break;
  }
  const auto why = answer.why.value_or(
    domain::fail(domain::errc::internal, "the journal answered what it cannot answer here"));
  state.stale = why.code == domain::errc::unknown_outcome;
  task->promise.deliver(to_caf(why));
}

/// Answers a refused command as it was answered the first time, if there was one.
template <class Reply>
void recall_or_refuse(ticket_pointer self,
                      std::shared_ptr<command<Reply>> task,
                      const domain::failure& refusal) {
  auto& state = self->state;
  if (!task->recall)
    return void(task->promise.deliver(to_caf(refusal)));
  auto what = std::make_shared<const change>(task->recall(state.core));
  self->request(state.around->journal, save_within, commit_change{std::move(what)})
    .await(
      [self, task, refusal](const verdict& answer) {
        if (answer.what == verdict::kind::duplicate)
          task->promise.deliver(task->answer(self->state.core, &answer));
        else if (answer.what == verdict::kind::failed && answer.why)
          task->promise.deliver(to_caf(*answer.why));
        else
          task->promise.deliver(to_caf(refusal));
      },
      [task](caf::error& error) { task->promise.deliver(to_caf(from_caf_reading(error))); });
}

template <class Reply>
void decide_and_save(ticket_pointer self, std::shared_ptr<command<Reply>> task) {
  auto& state = self->state;
  if (state.stale)
    return reload(self, std::move(task));
  auto decision = task->decide(state.core);
  if (!decision)
    return recall_or_refuse(self, std::move(task), decision.why());
  if (!*decision)
    return void(task->promise.deliver(task->answer(state.core, nullptr)));
  auto what = std::make_shared<const change>(*std::move(*decision));
  self->request(state.around->journal, save_within, commit_change{what})
    .await([self, task, what](const verdict& answer) { settle(self, task, *what, answer); },
           [self, task](caf::error& error) {
             self->state.stale = true;
             task->promise.deliver(to_caf(from_caf(error)));
           });
}

} // namespace

ticket_actor::behavior_type ticket_behavior(ticket_pointer self,
                                            domain::ticket_core loaded,
                                            std::shared_ptr<const surroundings> shared) {
  auto& state = self->state;
  state.core = loaded;
  state.around = std::move(shared);
  state.last_message = state.around->now(); // none that is in the database is younger
  self->set_error_handler([](caf::error&) {});
  return {
    [self](const follow_up& message) -> caf::result<taken_in> {
      auto task = std::make_shared<command<taken_in>>();
      task->promise = self->make_response_promise<taken_in>();
      task->decide =
        [self, around = self->state.around, item = message.item](const domain::ticket_core& core) {
          auto& last = self->state.last_message;
          const auto now = std::max(around->now(), last + std::chrono::milliseconds{1});
          last = now;
          domain::uuid_generator ids{around->seed()};
          return domain::result{std::optional{
            domain::attaching(*item, core, around->rules_of(core.workspace), ids, now)}};
        };
      task->answer = [](const domain::ticket_core& core, const verdict* saved) {
        const bool duplicate = saved->what == verdict::kind::duplicate;
        const bool kept = saved->what == verdict::kind::quarantined;
        return taken_in{.outcome = duplicate ? domain::delivery_outcome::duplicate
                                   : kept    ? domain::delivery_outcome::quarantined
                                             : domain::delivery_outcome::attached,
                        .ticket = duplicate ? saved->ticket_id
                                  : kept    ? domain::uuid{}
                                            : core.id,
                        .delivery = saved->delivery_id,
                        .duplicate = duplicate};
      };
      decide_and_save(self, task);
      return task->promise;
    },
    [self](const edit_ticket& message) -> caf::result<ticket_edited> {
      auto task = std::make_shared<command<ticket_edited>>();
      task->promise = self->make_response_promise<ticket_edited>();
      task->decide = [around = self->state.around,
                      patch = message.patch](const domain::ticket_core& core) {
        domain::uuid_generator ids{around->seed()};
        return domain::editing(*patch, core, ids, around->now());
      };
      if (message.patch->idempotency)
        task->recall = [around = self->state.around,
                        patch = message.patch](const domain::ticket_core& core) {
          return domain::recalling(*patch, core, around->now());
        };
      // Read by the caller from the database, where a linked identity moves a ticket as well.
      if (message.patch->expected_version > self->state.core.version)
        self->state.stale = true;
      task->answer = [](const domain::ticket_core& core, const verdict* saved) {
        ticket_edited edited{.ticket = core.id, .version = core.version};
        if (saved != nullptr && saved->what == verdict::kind::duplicate) {
          edited.duplicate = true;
          edited.same_request = saved->same_request;
          edited.ticket = saved->ticket_id;
        }
        return edited;
      };
      decide_and_save(self, task);
      return task->promise;
    },
    [self](passivate) { self->quit(); },
  };
}

} // namespace hub::actors
