#include "tests/storage/journal_fixture.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <cstdlib>
#include <iostream>
#include <ostream>
#include <random>
#include <utility>

namespace hub::testing {

namespace {

storage::key_ring fresh_keys() {
  auto ring = storage::key_ring::generate();
  if (!ring)
    std::abort();
  return *std::move(ring);
}

domain::time_point now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

} // namespace

journal_fixture::journal_fixture() : keys_{fresh_keys()}, start_{now()}, ids_{random_seed()} {}

journal_fixture::~journal_fixture() = default;

void journal_fixture::TearDown() {
  const auto recount = wait_for<storage::recount>(
    [this](auto done) { reads().count_again(first_workspace, std::move(done)); });
  ASSERT_TRUE(recount) << recount.why().message;
  EXPECT_THAT(recount->differences, ::testing::IsEmpty());
}

std::unique_ptr<storage::journal_store> journal_fixture::make_writer(std::int16_t slot) {
  return storage::make_journal_writer({.connection_string = connection_string(), .slot = slot},
                                      keys_);
}

storage::read_store& journal_fixture::reads() {
  if (!reads_)
    reads_ = storage::make_read_store(
      {.connection_string = connection_string(), .connections = 2, .queue_limit = 1000}, keys_);
  return *reads_;
}

domain::intake_item journal_fixture::item(const spoken& what) const {
  domain::report said;
  said.thread_id = what.thread.empty() ? "thread of " + what.delivery : what.thread;
  said.conversation = said.thread_id;
  said.message_id = what.message.empty() ? "message of " + what.delivery : what.message;
  said.quoted_message_id = what.quotes;
  said.joins_open_ticket = what.platform == domain::channel::whatsapp;
  said.from = {.platform_user_id = what.user,
               .display_name = what.name,
               .email = what.email,
               .locale = std::nullopt};
  said.text = what.text;
  domain::intake_item item;
  item.workspace = first_workspace;
  item.platform = what.platform;
  item.delivery_id = what.delivery;
  item.occurred_at = start_ + what.later;
  item.received_at = start_;
  item.content_type = "application/json";
  item.payload = std::make_shared<const std::string>("payload of " + what.delivery);
  item.prepared = domain::prepare(said.text);
  item.content = std::move(said);
  return item;
}

domain::change journal_fixture::opening(const spoken& what) {
  return domain::opening(item(what), rules_, ids_, start_ + what.later);
}

domain::change journal_fixture::attaching(const spoken& what, const domain::ticket_core& ticket) {
  return domain::attaching(item(what), ticket, rules_, ids_, start_ + what.later);
}

domain::change journal_fixture::ignoring(const std::string& delivery) {
  auto what = item({.delivery = delivery});
  what.content = domain::not_feedback{"bot_message"};
  return domain::recording(what, ids_, start_);
}

domain::change journal_fixture::not_understanding(const std::string& delivery,
                                                  const std::string& payload) {
  auto what = item({.delivery = delivery});
  what.payload = std::make_shared<const std::string>(payload);
  what.content = domain::not_understood{"the body is not JSON"};
  return domain::recording(what, ids_, start_);
}

domain::change journal_fixture::patching(const domain::ticket_patch& patch,
                                         const domain::ticket_core& ticket) {
  auto decided = domain::editing(patch, ticket, ids_, start_);
  if (!decided || !*decided) {
    ADD_FAILURE() << "the patch changes nothing or is refused";
    return {};
  }
  return **std::move(decided);
}

domain::change journal_fixture::by_hand(const domain::new_ticket& ticket) {
  return domain::creating(ticket, ids_, start_);
}

domain::new_ticket journal_fixture::titled(const std::string& title) const {
  domain::new_ticket ticket;
  ticket.workspace = first_workspace;
  ticket.title = title;
  ticket.description = "It happens every day";
  return ticket;
}

domain::verdict journal_fixture::commit(domain::change what) {
  std::vector<domain::change> one;
  one.push_back(std::move(what));
  return commit(std::move(one)).front();
}

std::vector<domain::verdict> journal_fixture::commit(std::vector<domain::change> batch) {
  if (!writer_)
    writer_ = make_writer();
  return writer_->commit(shared(std::move(batch)), stats_);
}

domain::ticket_core journal_fixture::open_ticket(const spoken& what) {
  const auto opened = commit(opening(what));
  EXPECT_EQ(opened.what, domain::verdict::kind::committed) << ::testing::PrintToString(opened);
  return core_of(opened.ticket_id);
}

domain::ticket_core journal_fixture::core_of(const domain::uuid& ticket) {
  auto core = wait_for<domain::ticket_core>(
    [&](auto done) { reads().core_of(first_workspace, ticket, std::move(done)); });
  if (!core) {
    ADD_FAILURE() << core.why().message;
    return {};
  }
  return *core;
}

std::string journal_fixture::ask(const std::string& sql) const {
  pqxx::connection connection{owner_connection()};
  pqxx::nontransaction work{connection};
  const auto rows = work.exec(sql);
  if (rows.empty())
    return "no row";
  return rows[0][0].is_null() ? "NULL" : rows[0][0].as<std::string>();
}

std::string journal_fixture::count(const std::string& table_and_condition) const {
  return ask("SELECT count(*) FROM " + table_and_condition);
}

void journal_fixture::run(const std::string& sql) const {
  ask(sql);
}

std::vector<storage::change_ptr> shared(std::vector<domain::change> changes) {
  std::vector<storage::change_ptr> all;
  all.reserve(changes.size());
  for (auto& each : changes)
    all.push_back(std::make_shared<const domain::change>(std::move(each)));
  return all;
}

std::uint64_t printed_seed() {
  const auto* given = std::getenv("HUB_TEST_SEED"); // NOLINT(concurrency-mt-unsafe)
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : random_seed();
  std::cout << "HUB_TEST_SEED=" << seed << std::endl;
  return seed;
}

} // namespace hub::testing

namespace hub::domain {

void PrintTo(const verdict& value, std::ostream* out) {
  constexpr std::array names{
    "committed", "duplicate", "known_thread", "conflict", "quarantined", "failed"};
  *out << names.at(static_cast<std::size_t>(value.what)) << " of " << to_string(value.ticket_id);
  if (value.why)
    *out << ": " << to_string(value.why->code) << ", " << value.why->message;
}

void PrintTo(const uuid& value, std::ostream* out) {
  *out << to_string(value);
}

} // namespace hub::domain
