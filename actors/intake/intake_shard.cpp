#include "actors/intake/intake_shard.hpp"

#include "actors/failure_bridge.hpp"

#include <exception>
#include <utility>
#include <variant>

namespace hub::actors {

namespace {

using domain::delivery_outcome;
using domain::report;
using domain::verdict;

// Deciding once more helps when a thread became known, or a ticket moved, under our feet.
bool worth_another_try(const domain::failure& why) {
  return why.code == domain::errc::conflict || why.code == domain::errc::not_found;
}

void take_front(intake_shard_pointer self, const std::string& key);

/// Answers the front of the conversation and goes on with the next.
template <class Answer>
void finish(intake_shard_pointer self, const std::string& key, Answer answer) {
  auto& state = self->state;
  const auto found = state.conversations.find(key);
  found->second.front().answer.deliver(std::move(answer));
  found->second.pop_front();
  --state.waiting;
  if (found->second.empty())
    state.conversations.erase(found);
  else
    take_front(self, key);
}

void fail_front(intake_shard_pointer self, const std::string& key, const domain::failure& why) {
  finish(self, key, to_caf(why));
}

void attach(intake_shard_pointer self, const std::string& key, const domain::uuid& ticket) {
  const auto& item = self->state.conversations.at(key).front().item;
  self->request(self->state.where->region_for(ticket), save_within, follow_up{ticket, item})
    .then([self, key](const taken_in& taken) { finish(self, key, taken); },
          [self, key](caf::error& error) {
            const auto why = from_caf(error);
            auto& front = self->state.conversations.at(key).front();
            if (worth_another_try(why) && --front.attempts_left > 0)
              take_front(self, key);
            else
              fail_front(self, key, why);
          });
}

void conclude(intake_shard_pointer self, const std::string& key, const verdict& answer) {
  const auto& item = *self->state.conversations.at(key).front().item;
  const auto taken = [&](delivery_outcome outcome, bool duplicate) {
    return taken_in{outcome, answer.ticket_id, answer.delivery_id, duplicate};
  };
  switch (answer.what) {
  case verdict::kind::committed: {
    const auto outcome = std::holds_alternative<report>(item.content) ? delivery_outcome::created
                         : std::holds_alternative<domain::not_feedback>(item.content)
                           ? delivery_outcome::not_feedback
                           : delivery_outcome::quarantined;
    return finish(self, key, taken(outcome, false));
  }
  case verdict::kind::duplicate:
    return finish(self, key, taken(answer.first_outcome, true));
  case verdict::kind::quarantined: {
    auto kept = taken(delivery_outcome::quarantined, false);
    kept.ticket = {};
    return finish(self, key, kept);
  }
  case verdict::kind::known_thread:
    return attach(self, key, answer.ticket_id);
  case verdict::kind::conflict:
  case verdict::kind::failed:
    break;
  }
  fail_front(self,
             key,
             answer.why.value_or(
               domain::fail(domain::errc::internal, "the journal answered what it cannot answer")));
}

/// The Change that takes the item in.
domain::result<storage::change_ptr> decide(intake_shard_state& state,
                                           const domain::intake_item& item) {
  try {
    const auto now = state.around->now();
    return std::make_shared<const domain::change>(
      std::holds_alternative<report>(item.content)
        ? domain::opening(item, state.around->rules_of(item.workspace), state.ids, now)
        : domain::recording(item, state.ids, now));
  } catch (const std::exception&) { // its text may quote the customer's
    return domain::fail(domain::errc::internal, "this delivery brings the hub out of step");
  }
}

/// Offers the front of the conversation to the journal: as a new ticket where it is a report. If
/// its thread has a ticket already, the journal says so, and the report goes there.
void take_front(intake_shard_pointer self, const std::string& key) {
  auto& state = self->state;
  auto what = decide(state, *state.conversations.at(key).front().item);
  if (!what)
    return fail_front(self, key, what.why());
  self->request(state.around->journal, save_within, commit_change{*std::move(what)})
    .then([self, key](const verdict& answer) { conclude(self, key, answer); },
          [self, key](caf::error& error) { fail_front(self, key, from_caf(error)); });
}

} // namespace

intake_actor::behavior_type intake_shard_behavior(intake_shard_pointer self,
                                                  std::shared_ptr<const surroundings> around,
                                                  std::shared_ptr<const directory> where) {
  auto& state = self->state;
  state.ids = domain::uuid_generator{around->seed()};
  state.around = std::move(around);
  state.where = std::move(where);
  self->set_error_handler([](caf::error&) {});
  return {
    [self, &state](const take_in& command) -> caf::result<taken_in> {
      auto answer = self->make_response_promise<taken_in>();
      if (state.waiting >= intake_shard_limit) {
        answer.deliver(to_caf(
          domain::fail(domain::errc::unavailable, "the hub is taking in more than it can store")));
        return answer;
      }
      ++state.waiting;
      const auto key = command.item->order_key();
      auto& queue = state.conversations[key];
      queue.push_back({command.item, answer});
      if (queue.size() == 1)
        take_front(self, key);
      return answer;
    },
  };
}

} // namespace hub::actors
