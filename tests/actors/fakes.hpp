#pragma once

#include "actors/core_reader/protocol.hpp"
#include "actors/directory.hpp"
#include "actors/failure_bridge.hpp"
#include "actors/journal/protocol.hpp"
#include "actors/region/protocol.hpp"
#include "actors/surroundings.hpp"
#include "domain/intake.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hub::testing {

inline const domain::uuid test_workspace =
  *domain::parse_uuid("00000000-0000-7000-8000-000000000001");

/// An id that says its number.
inline domain::uuid id_of(unsigned number) {
  domain::uuid id;
  id.bytes[0] = 1;
  id.bytes[14] = static_cast<std::uint8_t>(number >> 8U);
  id.bytes[15] = static_cast<std::uint8_t>(number & 0xFFU);
  return id;
}

inline domain::ticket_core core_of(unsigned number,
                                   std::int64_t version = 1,
                                   domain::ticket_status status = domain::ticket_status::open) {
  return {.workspace = test_workspace,
          .id = id_of(number),
          .number = number,
          .version = version,
          .status = status,
          .type = domain::ticket_type::bug,
          .urgency = 3};
}

/// A report of one conversation.
inline std::shared_ptr<const domain::intake_item> said(const std::string& delivery,
                                                       const std::string& conversation = "thread") {
  domain::report report;
  report.conversation = conversation;
  report.thread_id = conversation;
  report.message_id = "message of " + delivery;
  report.from.platform_user_id = "U1";
  report.text = "It crashes";
  domain::intake_item item;
  item.workspace = test_workspace;
  item.platform = domain::channel::slack;
  item.delivery_id = delivery;
  item.payload = std::make_shared<const std::string>("payload");
  item.prepared.title = report.text;
  item.prepared.body = report.text;
  item.content = std::move(report);
  return std::make_shared<const domain::intake_item>(std::move(item));
}

inline std::shared_ptr<const domain::intake_item>
other_content(const std::string& delivery,
              std::variant<domain::report, domain::not_feedback, domain::not_understood> content) {
  auto item = *said(delivery);
  item.content = std::move(content);
  return std::make_shared<const domain::intake_item>(std::move(item));
}

inline domain::verdict verdict_of(domain::verdict::kind what, const domain::change& change) {
  domain::verdict verdict;
  verdict.what = what;
  verdict.ticket_id = change.opens     ? change.opens->id
                      : change.updates ? change.updates->id
                                       : domain::uuid{};
  if (change.delivery)
    verdict.delivery_id = change.delivery->id;
  return verdict;
}

inline domain::verdict committed(const domain::change& change) {
  auto verdict = verdict_of(domain::verdict::kind::committed, change);
  verdict.version = change.updates ? change.updates->expected_version + 1 : 1;
  return verdict;
}

inline domain::verdict failed(domain::errc code) {
  domain::verdict verdict;
  verdict.why = domain::fail(code, "as the test wants it");
  return verdict;
}

/// What a fake actor was asked and what it answers: at once while `decide` gives an answer, else
/// when the test says so.
template <class Question, class Reply>
struct script {
  std::vector<Question> seen;
  std::function<std::optional<domain::result<Reply>>(const Question&)> decide;
  std::deque<caf::typed_response_promise<Reply>> held;
  std::function<void()> nudge; // makes the actor call `release`

  caf::result<Reply> ask(caf::typed_response_promise<Reply> promise, const Question& question) {
    seen.push_back(question);
    auto answer = decide ? decide(question) : std::nullopt;
    if (!answer)
      held.push_back(promise);
    else
      deliver(promise, *answer);
    return promise;
  }

  /// Answers the question that has waited longest, as soon as the actors run.
  void answer(const domain::result<Reply>& with) {
    due_.push_back(with);
    nudge();
  }

  /// Called by the actor: a promise is delivered where it was made.
  void release() {
    auto promise = held.front();
    held.pop_front();
    deliver(promise, due_.front());
    due_.pop_front();
  }

private:
  static void deliver(caf::typed_response_promise<Reply>& promise,
                      const domain::result<Reply>& with) {
    if (with)
      promise.deliver(*with);
    else
      promise.deliver(actors::to_caf(with.why()));
  }

  std::deque<domain::result<Reply>> due_;
};

using journal_script = script<storage::change_ptr, domain::verdict>;
using reader_script = script<actors::read_core, domain::ticket_core>;
using region_script = script<actors::follow_up, actors::taken_in>;

inline actors::journal_actor::behavior_type fake_journal(actors::journal_actor::pointer self,
                                                         std::shared_ptr<journal_script> with) {
  self->set_error_handler([](caf::error&) {});
  with->nudge = [me = caf::actor_cast<actors::journal_actor>(self)] {
    caf::anon_send(me, actors::writer_ready{});
  };
  return {
    [self, with](const actors::commit_change& command) -> caf::result<domain::verdict> {
      return with->ask(self->make_response_promise<domain::verdict>(), command.what);
    },
    [](const actors::tell_of_jobs&) {},
    [with](const actors::writer_ready&) { with->release(); },
    [](const actors::batch_written&) {},
    [](const actors::writer_away&) {},
  };
}

inline actors::core_reader_actor::behavior_type fake_reader(actors::core_reader_actor::pointer self,
                                                            std::shared_ptr<reader_script> with) {
  self->set_error_handler([](caf::error&) {});
  with->nudge = [me = caf::actor_cast<actors::core_reader_actor>(self)] {
    caf::anon_send(me, actors::core_read{0, domain::fail(domain::errc::internal, "")});
  };
  return {
    [self, with](const actors::read_core& wanted) -> caf::result<domain::ticket_core> {
      return with->ask(self->make_response_promise<domain::ticket_core>(), wanted);
    },
    [with](const actors::core_read&) { with->release(); },
  };
}

inline actors::region_actor::behavior_type fake_region(actors::region_actor::pointer self,
                                                       std::shared_ptr<region_script> with) {
  self->set_error_handler([](caf::error&) {});
  with->nudge = [me = caf::actor_cast<actors::region_actor>(self)] {
    caf::anon_send(me, actors::sweep{});
  };
  return {
    [self, with](const actors::follow_up& message) -> caf::result<actors::taken_in> {
      return with->ask(self->make_response_promise<actors::taken_in>(), message);
    },
    [](const actors::edit_ticket&) -> caf::result<actors::ticket_edited> {
      return actors::to_caf(domain::fail(domain::errc::internal, "nobody edits here"));
    },
    [with](actors::sweep) { with->release(); },
  };
}

/// Surroundings whose clock stands still and whose ids are the same in every run.
inline actors::surroundings around_of(actors::journal_actor journal,
                                      actors::core_reader_actor reader) {
  auto seeds = std::make_shared<std::atomic<std::uint64_t>>(1);
  return {.journal = std::move(journal),
          .core_reader = std::move(reader),
          .rules_of = [](const domain::uuid&) { return domain::intake_rules{}; },
          .now = [] { return domain::time_point{std::chrono::hours{24 * 365 * 50}}; },
          .seed = [seeds] { return (*seeds)++; }};
}

} // namespace hub::testing
