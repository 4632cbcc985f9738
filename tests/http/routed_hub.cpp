#include "tests/http/routed_hub.hpp"

#include "actors/failure_bridge.hpp"
#include "http/server/routes/routes.hpp"
#include "http/server/webhooks/webhooks.hpp"
#include "tests/support/hub_process.hpp"

#include <caf/all.hpp>

#include <atomic>

namespace hub::testing {

namespace {

using domain::errc;
using domain::fail;

template <class T>
domain::result<T> nothing_said() {
  return fail(errc::unavailable, "the test said nothing about this");
}

template <class T>
caf::result<T> to_answer(domain::result<T> from) {
  if (from)
    return *std::move(from);
  return actors::to_caf(from.why());
}

template <class T, class Question>
caf::result<T> answer_of(const std::function<domain::result<T>(const Question&)>& script,
                         const Question& question) {
  return to_answer(script ? script(question) : nothing_said<T>());
}

using take_in_script = std::function<domain::result<actors::taken_in>(const domain::intake_item&)>;
using edit_script =
  std::function<domain::result<actors::ticket_edited>(const actors::edit_ticket&)>;
using commit_script = std::function<domain::result<domain::verdict>(const domain::change&)>;

// Untyped, so that a fake need not know the messages that no route sends.
caf::behavior intake(caf::event_based_actor*, const take_in_script* script) {
  return {[script](const actors::take_in& message) -> caf::result<actors::taken_in> {
    return answer_of(*script, *message.item);
  }};
}

caf::behavior region(caf::event_based_actor*, const edit_script* script) {
  return {[script](const actors::edit_ticket& message) -> caf::result<actors::ticket_edited> {
    return answer_of(*script, message);
  }};
}

caf::behavior journal(caf::event_based_actor*, const commit_script* script) {
  return {[script](const actors::commit_change& message) -> caf::result<domain::verdict> {
    return answer_of(*script, *message.what);
  }};
}

domain::time_point wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

} // namespace

void open_door::admit(const http::edge::request& request,
                      std::optional<domain::permission>,
                      http::edge::responder responder,
                      admitted inside) {
  http::call from;
  static_cast<http::edge::request&>(from) = request;
  from.address = request.peer;
  from.who.label = "tester@example.com";
  inside(std::move(from), std::move(responder));
}

void scripted_reads::core_of(domain::uuid,
                             domain::uuid,
                             storage::callback<domain::ticket_core> done) {
  done(nothing_said<domain::ticket_core>());
}

void scripted_reads::writing_context_of(domain::uuid,
                                        domain::uuid,
                                        storage::callback<storage::writing_context> done) {
  done(nothing_said<storage::writing_context>());
}

void scripted_reads::list_changelog(storage::changelog_query,
                                    storage::callback<storage::changelog_page> done) {
  done(nothing_said<storage::changelog_page>());
}

void scripted_reads::list_notifications(storage::notification_query,
                                        storage::callback<storage::notification_page> done) {
  done(nothing_said<storage::notification_page>());
}

void scripted_reads::notification_of(domain::uuid,
                                     domain::uuid,
                                     storage::callback<storage::notification_detail> done) {
  done(nothing_said<storage::notification_detail>());
}

void scripted_reads::list_tickets(storage::ticket_query query,
                                  storage::callback<storage::ticket_page> done) {
  done(page ? page(query) : nothing_said<storage::ticket_page>());
}

void scripted_reads::detail_of(domain::uuid,
                               domain::uuid ticket,
                               storage::callback<storage::ticket_detail> done) {
  done(detail ? detail(ticket) : nothing_said<storage::ticket_detail>());
}

void scripted_reads::original_of(domain::uuid,
                                 domain::uuid,
                                 domain::uuid message,
                                 storage::callback<storage::original_message> done) {
  done(original ? original(message) : nothing_said<storage::original_message>());
}

void scripted_reads::attachment_of(domain::uuid,
                                   domain::uuid id,
                                   storage::callback<storage::attachment_facts> done) {
  done(attachment ? attachment(id) : nothing_said<storage::attachment_facts>());
}

void scripted_reads::list_deliveries(storage::delivery_query,
                                     storage::callback<storage::delivery_page> done) {
  done(nothing_said<storage::delivery_page>());
}

void scripted_reads::delivery_of(domain::uuid,
                                 domain::uuid id,
                                 storage::callback<storage::stored_delivery> done) {
  done(delivery ? delivery(id) : nothing_said<storage::stored_delivery>());
}

void scripted_reads::list_dead_letters(storage::dead_letter_query,
                                       storage::callback<storage::dead_letter_page> done) {
  done(nothing_said<storage::dead_letter_page>());
}

void scripted_reads::dead_letter_of(domain::uuid,
                                    domain::uuid,
                                    storage::callback<storage::stored_dead_letter> done) {
  done(nothing_said<storage::stored_dead_letter>());
}

void scripted_reads::list_job_controls(
  storage::callback<std::vector<storage::job_control_row>> done) {
  done(nothing_said<std::vector<storage::job_control_row>>());
}

void scripted_reads::list_events(storage::event_query,
                                 storage::callback<storage::event_page> done) {
  done(nothing_said<storage::event_page>());
}

void scripted_reads::ledger_of(domain::uuid, storage::callback<storage::ledger> done) {
  done(nothing_said<storage::ledger>());
}

void scripted_reads::answer_to(domain::uuid,
                               std::string key,
                               storage::callback<storage::stored_answer> done) {
  done(answer ? answer(key) : nothing_said<storage::stored_answer>());
}

void scripted_reads::ping(storage::callback<std::chrono::microseconds> done) {
  done(nothing_said<std::chrono::microseconds>());
}

void scripted_reads::count_again(domain::uuid, storage::callback<storage::recount> done) {
  done(nothing_said<storage::recount>());
}

routed_hub::routed_hub() {
  where_.intake.fill(caf::actor_cast<actors::intake_actor>(system_.spawn(intake, &take_in)));
  where_.regions.fill(caf::actor_cast<actors::region_actor>(system_.spawn(region, &edit)));
  journal_ = caf::actor_cast<actors::journal_actor>(system_.spawn(journal, &commit));
  hub_.emplace(http::context{
    .system = system_,
    .where = where_,
    .journal = journal_,
    .journal_figures = journal_figures_,
    .reads = reads,
    .figures = figures_,
    .secrets = {.slack_signing = slack_secret,
                .intercom = intercom_secret,
                .whatsapp = whatsapp_secret,
                .whatsapp_verify_token = whatsapp_verify_token},
    .workspace = {},
    .door = door_,
    .simulation = true,
    .now = wall_clock,
    .seed = [seed = std::make_shared<std::atomic<std::uint64_t>>(1)] { return (*seed)++; },
    .version = "test"});
  server_.emplace(http::edge::server_options{});
  http::mount_webhooks(*server_, *hub_);
  http::mount_tickets(*server_, *hub_);
  http::mount_reveal(*server_, *hub_);
  http::mount_changelog(*server_, *hub_);
  http::mount_notifications(*server_, *hub_);
  http::mount_deliveries(*server_, *hub_);
  http::mount_operations(*server_, *hub_);
  client_.emplace(server_->start());
}

routed_hub::~routed_hub() {
  client_.reset();
  server_->drain(std::chrono::seconds{5});
  server_->stop();
  const auto end = [](const auto& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  };
  end(where_.intake.front());
  end(where_.regions.front());
  end(journal_);
}

} // namespace hub::testing
