// How many jobs that do nothing get through the whole way, committed, run and recorded as done; how
// soon a due job begins; and whether a long history or an old transaction slows that down.
//   hub_job_bench <connection string of a migrated, empty database> [jobs]
#include "actors/jobs/job_room.hpp"
#include "actors/journal/protocol.hpp"
#include "actors/node.hpp"
#include "actors/outward/provider_check.hpp"
#include "domain/provider.hpp"
#include "storage/journal/journal_writer.hpp"
#include "storage/reads/read_store.hpp"
#include "storage/sealing.hpp"

#include <caf/all.hpp>
#include <pqxx/pqxx>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace hub;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

const auto workspace = *domain::parse_uuid("00000000-0000-7000-8000-000000000001");
constexpr int at_once = 256; // Changes on their way

/// When the attempts began, in the order in which they did.
struct starts {
  std::mutex mutex;
  std::vector<clock_type::time_point> at;

  void note() {
    const std::lock_guard lock{mutex};
    at.push_back(clock_type::now());
  }
  std::size_t count() {
    const std::lock_guard lock{mutex};
    return at.size();
  }
};

storage::change_ptr with_job(domain::uuid_generator& ids) {
  auto what = std::make_shared<domain::change>();
  what->workspace = workspace;
  what->at = actors::wall_clock();
  domain::job_record job;
  job.id = ids.next(what->at);
  job.kind = domain::job_kind::canary;
  job.run_at = what->at;
  what->jobs.push_back(std::move(job));
  return what;
}

/// Keeps `at_once` Changes under way until `left` are committed.
void keep_committing(caf::event_based_actor* self,
                     const actors::journal_actor& journal,
                     const std::shared_ptr<domain::uuid_generator>& ids,
                     const std::shared_ptr<int>& left) {
  if (*left == 0)
    return;
  --*left;
  const auto next = [=] { keep_committing(self, journal, ids, left); };
  self->request(journal, 30s, actors::commit_change{with_job(*ids)})
    .then([next](const domain::verdict&) { next(); }, [next](const caf::error&) { next(); });
}

void wait_for(const actors::job_room& room, std::uint64_t finished) {
  while (room.jobs().of(domain::job_kind::canary).finished < finished)
    std::this_thread::sleep_for(1ms);
}

double jobs_per_second(actors::node& node, const actors::job_room& room, int jobs) {
  const auto before = room.jobs().of(domain::job_kind::canary).finished.load();
  const auto begin = clock_type::now();
  const auto start = [journal = node.journal(), jobs](caf::event_based_actor* self) {
    auto ids = std::make_shared<domain::uuid_generator>(actors::random_seed());
    auto left = std::make_shared<int>(jobs);
    for (int i = 0; i < at_once; ++i)
      keep_committing(self, journal, ids, left);
  };
  node.system().spawn(start);
  wait_for(room, before + static_cast<std::uint64_t>(jobs));
  return jobs / std::chrono::duration<double>(clock_type::now() - begin).count();
}

/// From the verdict that a job is committed to the begin of its attempt, one job at a time.
std::vector<double> start_delays_ms(actors::node& node, starts& begun, int jobs) {
  std::vector<double> delays;
  domain::uuid_generator ids{actors::random_seed()};
  caf::scoped_actor self{node.system()};
  for (int i = 0; i < jobs; ++i) {
    const auto seen = begun.count();
    clock_type::time_point committed;
    self->request(node.journal(), 30s, actors::commit_change{with_job(ids)})
      .receive([&](const domain::verdict&) { committed = clock_type::now(); },
               [](const caf::error&) { std::abort(); });
    while (begun.count() == seen)
      std::this_thread::sleep_for(50us);
    const std::lock_guard lock{begun.mutex};
    delays.push_back(
      std::chrono::duration<double, std::milli>(begun.at.back() - committed).count());
  }
  std::ranges::sort(delays);
  return delays;
}

} // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: hub_job_bench <connection string> [jobs]\n");
    return 2;
  }
  const std::string database = arguments[1];
  const int jobs = count > 2 ? std::atoi(arguments[2]) : 100'000;
  const auto keys = storage::key_ring::generate();
  const auto reads = storage::make_read_store({.connection_string = database}, *keys);
  actors::node_options options;
  options.reads = reads.get();
  options.make_store = [&](int slot) {
    return storage::make_journal_writer(
      {.connection_string = database, .slot = static_cast<std::int16_t>(slot)}, *keys);
  };
  actors::node node{options};
  if (!node.wait_until_writing(15s))
    return 1;
  starts begun;
  actors::job_room_options rooms;
  rooms.make_store = [&] { return storage::make_job_store(database, *keys); };
  rooms.limits = [](const domain::uuid&, domain::provider) {
    return domain::default_limits(domain::provider::slack);
  };
  rooms.runners = [&](const actors::limiters_actor&, const actors::model_asker_actor&) {
    return std::map<domain::job_kind, actors::job_runner>{
      {domain::job_kind::canary, [&](const actors::attempt& one) {
         begun.note();
         one.succeed();
       }}};
  };
  rooms.lost = [](const std::string&, const caf::error&) { std::abort(); };
  actors::job_room room{node.system(), node.around(), rooms};

  jobs_per_second(node, room, jobs / 10); // warm
  const auto empty = jobs_per_second(node, room, jobs);
  std::printf("\"jobs_per_second\": %.0f\n", empty);
  const auto delays = start_delays_ms(node, begun, 500);
  std::printf("\"start_p50_ms\": %.2f, \"start_p99_ms\": %.2f\n",
              delays[delays.size() / 2],
              delays[delays.size() * 99 / 100]);

  pqxx::connection history{database};
  {
    pqxx::work tx{history};
    tx.exec("INSERT INTO finished_jobs SELECT '" + to_string(workspace)
            + "', gen_random_uuid(), 'CanaryJob', 1, now(), now() "
              "FROM generate_series(1, 1000000)");
    tx.commit();
  }
  pqxx::transaction<pqxx::repeatable_read> old{history};
  old.exec("SELECT count(*) FROM jobs"); // its snapshot: nothing done from here on can be vacuumed
  jobs_per_second(node, room, jobs);
  const auto held = jobs_per_second(node, room, jobs);
  std::printf(
    "\"with_history_and_old_transaction\": %.0f, \"of_empty\": %.2f\n", held, held / empty);
  room.stop(5s);
  node.stop();
  reads->stop();
  return 0;
}
