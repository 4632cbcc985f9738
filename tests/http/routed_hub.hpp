#pragma once

#include "actors/directory.hpp"
#include "actors/journal/journal_metrics.hpp"
#include "actors/journal/protocol.hpp"
#include "http/server/call.hpp"
#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"
#include "tests/support/webhook_driver.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

namespace hub::testing {

/// Reads that answer as the test says, at once, and `unavailable` where it says nothing.
class scripted_reads final : public storage::read_store {
public:
  std::function<domain::result<storage::ticket_detail>(domain::uuid ticket)> detail;
  std::function<domain::result<storage::original_message>(domain::uuid message)> original;
  std::function<domain::result<storage::stored_answer>(const std::string& key)> answer;
  std::function<domain::result<storage::ticket_page>(const storage::ticket_query&)> page;
  std::function<domain::result<storage::stored_delivery>(domain::uuid id)> delivery;
  std::function<domain::result<storage::attachment_facts>(domain::uuid id)> attachment;

  void core_of(domain::uuid, domain::uuid, storage::callback<domain::ticket_core> done) override;
  void writing_context_of(domain::uuid,
                          domain::uuid,
                          storage::callback<storage::writing_context> done) override;
  void list_changelog(storage::changelog_query,
                      storage::callback<storage::changelog_page> done) override;
  void list_notifications(storage::notification_query,
                          storage::callback<storage::notification_page> done) override;
  void notification_of(domain::uuid,
                       domain::uuid,
                       storage::callback<storage::notification_detail> done) override;
  void list_tickets(storage::ticket_query query,
                    storage::callback<storage::ticket_page> done) override;
  void detail_of(domain::uuid,
                 domain::uuid ticket,
                 storage::callback<storage::ticket_detail> done) override;
  void original_of(domain::uuid,
                   domain::uuid,
                   domain::uuid message,
                   storage::callback<storage::original_message> done) override;
  void attachment_of(domain::uuid,
                     domain::uuid attachment,
                     storage::callback<storage::attachment_facts> done) override;
  void list_deliveries(storage::delivery_query,
                       storage::callback<storage::delivery_page> done) override;
  void delivery_of(domain::uuid,
                   domain::uuid id,
                   storage::callback<storage::stored_delivery> done) override;
  void list_dead_letters(storage::dead_letter_query,
                         storage::callback<storage::dead_letter_page> done) override;
  void dead_letter_of(domain::uuid,
                      domain::uuid,
                      storage::callback<storage::stored_dead_letter> done) override;
  void list_job_controls(storage::callback<std::vector<storage::job_control_row>> done) override;
  void list_events(storage::event_query, storage::callback<storage::event_page> done) override;
  void ledger_of(domain::uuid, storage::callback<storage::ledger> done) override;
  void
  answer_to(domain::uuid, std::string key, storage::callback<storage::stored_answer> done) override;
  void ping(storage::callback<std::chrono::microseconds> done) override;
  void count_again(domain::uuid, storage::callback<storage::recount> done) override;
  [[nodiscard]] storage::pool_stats stats() const override { return {}; }
  void stop() override {}
};

/// Lets everybody in, as somebody who may do everything.
class open_door final : public http::doorkeeper {
public:
  void admit(const http::edge::request& request,
             std::optional<domain::permission> needs,
             http::edge::responder responder,
             admitted inside) override;
  void look_again(const http::call&,
                  std::optional<domain::permission>,
                  std::function<void(bool)> done) override {
    done(true);
  }
};

/// Every route of the hub on a real server, in front of actors that answer as the test says: set
/// the functions before the first call; they run in the actors' threads.
class routed_hub : public ::testing::Test {
protected:
  routed_hub();
  ~routed_hub() override;

  std::function<domain::result<actors::taken_in>(const domain::intake_item& item)> take_in;
  std::function<domain::result<actors::ticket_edited>(const actors::edit_ticket& wanted)> edit;
  std::function<domain::result<domain::verdict>(const domain::change& change)> commit;
  scripted_reads reads;

private:
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
  actors::directory where_;
  actors::journal_metrics journal_figures_;
  http::metrics figures_;
  actors::journal_actor journal_;
  open_door door_;
  std::optional<http::context> hub_;
  std::optional<http::edge::server> server_;

protected:
  std::optional<hub_client> client_;
  hub_client& api() { return *client_; }
};

} // namespace hub::testing
