// Questions: what does a resident ticket actor cost in memory, how many can be activated a second,
// and how long does it take to activate one from the database? Prints one JSON object.
//   hub_actor_bench <how many> [<connection string>]   with one: tickets of that database as well

#include "actors/failure_bridge.hpp"
#include "actors/node.hpp"
#include "storage/reads/read_store.hpp"
#include "storage/sealing.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <string>
#include <vector>

namespace {

using namespace hub;
using clock_type = std::chrono::steady_clock;

/// A database that knows every ticket and answers at once.
class instant_reads final : public storage::read_store {
public:
  void core_of(domain::uuid workspace,
               domain::uuid ticket,
               storage::callback<domain::ticket_core> done) override {
    domain::ticket_core core;
    core.workspace = workspace;
    core.id = ticket;
    core.version = 1;
    done(core);
  }
  void writing_context_of(domain::uuid,
                          domain::uuid,
                          storage::callback<storage::writing_context> done) override {
    refuse(done);
  }
  void list_changelog(storage::changelog_query,
                      storage::callback<storage::changelog_page> done) override {
    refuse(done);
  }
  void list_notifications(storage::notification_query,
                          storage::callback<storage::notification_page> done) override {
    refuse(done);
  }
  void notification_of(domain::uuid,
                       domain::uuid,
                       storage::callback<storage::notification_detail> done) override {
    refuse(done);
  }
  void list_tickets(storage::ticket_query, storage::callback<storage::ticket_page> done) override {
    refuse(done);
  }
  void
  detail_of(domain::uuid, domain::uuid, storage::callback<storage::ticket_detail> done) override {
    refuse(done);
  }
  void original_of(domain::uuid,
                   domain::uuid,
                   domain::uuid,
                   storage::callback<storage::original_message> done) override {
    refuse(done);
  }
  void attachment_of(domain::uuid,
                     domain::uuid,
                     storage::callback<storage::attachment_facts> done) override {
    refuse(done);
  }
  void list_deliveries(storage::delivery_query,
                       storage::callback<storage::delivery_page> done) override {
    refuse(done);
  }
  void delivery_of(domain::uuid,
                   domain::uuid,
                   storage::callback<storage::stored_delivery> done) override {
    refuse(done);
  }
  void list_dead_letters(storage::dead_letter_query,
                         storage::callback<storage::dead_letter_page> done) override {
    refuse(done);
  }
  void dead_letter_of(domain::uuid,
                      domain::uuid,
                      storage::callback<storage::stored_dead_letter> done) override {
    refuse(done);
  }
  void list_job_controls(storage::callback<std::vector<storage::job_control_row>> done) override {
    refuse(done);
  }
  void list_events(storage::event_query, storage::callback<storage::event_page> done) override {
    refuse(done);
  }
  void ledger_of(domain::uuid, storage::callback<storage::ledger> done) override { refuse(done); }
  void
  answer_to(domain::uuid, std::string, storage::callback<storage::stored_answer> done) override {
    refuse(done);
  }
  void ping(storage::callback<std::chrono::microseconds> done) override { refuse(done); }
  void count_again(domain::uuid, storage::callback<storage::recount> done) override {
    refuse(done);
  }
  [[nodiscard]] storage::pool_stats stats() const override { return {}; }
  void stop() override {}

private:
  template <class T>
  static void refuse(const storage::callback<T>& done) {
    done(domain::fail(domain::errc::unavailable, "not in this benchmark"));
  }
};

std::size_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

actors::node_options options_for(storage::read_store& reads) {
  actors::node_options options;
  options.reads = &reads;
  options.journal_writers = 0; // nothing is written here
  options.make_store = [](int) { return std::unique_ptr<storage::journal_store>{}; };
  return options;
}

/// Speaks to each ticket once; a message that changes nothing, so that only activation costs.
void touch_all(actors::node& node,
               const domain::uuid& workspace,
               const std::vector<domain::uuid>& ids) {
  constexpr std::size_t at_once = 500; // requests under way, as CAF 0.17 keeps them in a list
  const auto nothing = std::make_shared<const domain::ticket_patch>();
  for (std::size_t from = 0; from < ids.size(); from += at_once) {
    const auto to = std::min(ids.size(), from + at_once);
    std::promise<void> all;
    auto missing = std::make_shared<std::atomic<std::size_t>>(to - from);
    node.system().spawn([&, missing](caf::event_based_actor* self) {
      for (auto i = from; i < to; ++i)
        self
          ->request(node.where().region_for(ids[i]),
                    std::chrono::seconds{10},
                    actors::edit_ticket{workspace, ids[i], nothing})
          .then(
            [&all, missing](const actors::ticket_edited&) {
              if (--*missing == 0)
                all.set_value();
            },
            [](const caf::error& error) {
              std::fprintf(stderr, "%s\n", actors::from_caf(error).message.c_str());
              std::exit(1);
            });
    });
    all.get_future().wait();
  }
}

std::vector<domain::uuid> made_up(std::size_t count) {
  domain::uuid_generator ids{42};
  std::vector<domain::uuid> made;
  made.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    made.push_back(ids.next(domain::time_point{std::chrono::milliseconds{1'700'000'000'000}}));
  return made;
}

void measure_memory(std::size_t count) {
  instant_reads reads;
  actors::node node{options_for(reads)};
  const domain::uuid workspace;
  const auto ids = made_up(count);
  touch_all(node, workspace, made_up(1000)); // first-time allocations are not the actors' cost
  const auto before = resident_bytes();
  const auto start = clock_type::now();
  touch_all(node, workspace, ids);
  const auto seconds = std::chrono::duration<double>(clock_type::now() - start).count();
  std::printf("\"actors\": %zu, \"bytes_per_actor\": %.0f, \"activations_per_second\": %.0f",
              count,
              static_cast<double>(resident_bytes() - before) / static_cast<double>(count),
              static_cast<double>(count) / seconds);
  std::fflush(stdout);
  std::_Exit(0); // ending two hundred thousand actors one by one is not what is measured
}

void measure_activation(const std::string& connection_string, std::size_t count) {
  auto keys = storage::key_ring::generate();
  auto reads = storage::make_read_store({.connection_string = connection_string}, *keys);
  const auto workspace = *domain::parse_uuid("00000000-0000-7000-8000-000000000001");
  std::vector<domain::uuid> ids;
  storage::ticket_query query;
  query.workspace = workspace;
  query.limit = 100;
  while (ids.size() < count) {
    std::promise<domain::result<storage::ticket_page>> promise;
    reads->list_tickets(query, [&](domain::result<storage::ticket_page> page) {
      promise.set_value(std::move(page));
    });
    const auto page = promise.get_future().get();
    if (!page || page->tickets.empty())
      break;
    for (const auto& ticket : page->tickets)
      ids.push_back(ticket.id);
    const auto& last = page->tickets.back();
    query.after = storage::ticket_position{last.created_at, last.id, last.urgency};
  }
  actors::node node{options_for(*reads)};
  std::vector<double> milliseconds;
  for (const auto& id : ids) {
    const auto start = clock_type::now();
    touch_all(node, workspace, {id});
    milliseconds.push_back(
      std::chrono::duration<double, std::milli>(clock_type::now() - start).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  if (milliseconds.empty())
    return;
  std::printf("\"activated_from_database\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f",
              milliseconds.size(),
              milliseconds[milliseconds.size() / 2],
              milliseconds[milliseconds.size() * 99 / 100]);
  std::fflush(stdout);
  std::_Exit(0);
}

} // namespace

int main(int argc, char** argv) {
  const auto count = argc > 1 ? static_cast<std::size_t>(std::atoll(argv[1])) : 200'000;
  if (argc > 2)
    measure_activation(argv[2], count);
  else
    measure_memory(count);
  return 0;
}
