#pragma once

#include "domain/intake.hpp"
#include "storage/journal/journal_writer.hpp"
#include "storage/reads/read_store.hpp"
#include "storage/sealing.hpp"
#include "tests/support/postgres_fixture.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::testing {

/// The workspace every database starts with.
inline const domain::uuid first_workspace =
  *domain::parse_uuid("00000000-0000-7000-8000-000000000001");

/// One message on a channel, as a test tells it. What is not said follows from `delivery`.
struct spoken {
  std::string delivery;
  std::string thread = {};  // "thread of <delivery>"
  std::string message = {}; // "message of <delivery>"
  std::string user = "U1";
  std::string name = "Ana";
  std::string text = "The export crashes";
  std::optional<std::string> email = {};
  std::optional<std::string> quotes = {};
  domain::channel platform = domain::channel::slack;
  std::chrono::milliseconds later{0}; // after the start of the test
};

/// A migrated database with a journal writer and a read store. After every test the ledger must
/// balance and every counter must equal the rows it counts.
class journal_fixture : public postgres_test {
protected:
  journal_fixture();
  ~journal_fixture() override;
  void TearDown() override;

  std::unique_ptr<storage::journal_store> make_writer(std::int16_t slot = 0);
  storage::read_store& reads();

  [[nodiscard]] domain::time_point at(std::chrono::milliseconds later = {}) const {
    return start_ + later;
  }
  domain::uuid fresh_id() { return ids_.next(start_); }

  // Changes, decided as production decides them.
  domain::intake_item item(const spoken& what) const;
  domain::change opening(const spoken& what);
  domain::change attaching(const spoken& what, const domain::ticket_core& ticket);
  domain::change ignoring(const std::string& delivery);
  domain::change not_understanding(const std::string& delivery, const std::string& payload);
  domain::change patching(const domain::ticket_patch& patch, const domain::ticket_core& ticket);
  domain::change by_hand(const domain::new_ticket& ticket);
  domain::new_ticket titled(const std::string& title) const;

  domain::verdict commit(domain::change what);
  std::vector<domain::verdict> commit(std::vector<domain::change> batch);
  /// Opens a ticket and reads its core.
  domain::ticket_core open_ticket(const spoken& what);
  domain::ticket_core core_of(const domain::uuid& ticket);

  /// The first field of the first row, as text; "NULL" and "no row" for what has none.
  std::string ask(const std::string& sql) const;
  std::string count(const std::string& table_and_condition) const;
  void run(const std::string& sql) const;

  /// Waits for an asynchronous read.
  template <class T>
  domain::result<T> wait_for(const std::function<void(storage::callback<T>)>& start) {
    auto answer = std::make_shared<std::promise<domain::result<T>>>();
    auto coming = answer->get_future();
    start([answer](domain::result<T> value) { answer->set_value(std::move(value)); });
    if (coming.wait_for(std::chrono::seconds{20}) != std::future_status::ready)
      return domain::fail(domain::errc::timed_out, "the read store did not answer");
    return coming.get();
  }

  storage::key_ring keys_;
  domain::intake_rules rules_;
  storage::commit_stats stats_; // of the last commit

private:
  domain::time_point start_;
  domain::uuid_generator ids_;
  std::unique_ptr<storage::journal_store> writer_;
  std::unique_ptr<storage::read_store> reads_;
};

std::vector<storage::change_ptr> shared(std::vector<domain::change> changes);

/// A seed that is printed, or the one in HUB_TEST_SEED.
std::uint64_t printed_seed();

inline std::string quoted(const domain::uuid& id) {
  return "'" + to_string(id) + "'";
}

} // namespace hub::testing

namespace hub::domain {

// How GoogleTest prints them.
void PrintTo(const verdict& value, std::ostream* out);
void PrintTo(const uuid& value, std::ostream* out);

} // namespace hub::domain
