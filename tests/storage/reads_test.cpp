#include "domain/intake.hpp"
#include "storage/reads/read_store.hpp"
#include "storage/visibility.hpp"
#include "tests/storage/journal_fixture.hpp"
#include "tests/support/process.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <utility>

namespace hub::storage {
namespace {

using domain::channel;
using domain::delivery_outcome;
using domain::errc;
using domain::ticket_status;
using domain::ticket_type;
using testing::first_workspace;
using testing::quoted;
using kind = domain::verdict::kind;

class reads : public testing::journal_fixture {
protected:
  /// Fills the table with `count` tickets of every sort; three of them share each second.
  void fill(int count) const {
    run(
      "INSERT INTO tickets (workspace_id, id, number, title, description, ticket_type, priority, "
      "status, original_channel, assignee_id, ticket_group_id, created_at, updated_at) "
      "SELECT '"
      + to_string(first_workspace)
      + "', ('01900000-0000-7000-8000-' || lpad(to_hex((n * 7919) % 1000003), 12, '0'))::uuid, n, "
        "'Ticket ' || n, 'filler', "
        "(ARRAY['bug', 'feature_request', 'question', 'incident'])[1 + n % 4], n % 6, "
        "(ARRAY['open', 'in_progress', 'resolved', 'closed'])[1 + n / 4 % 4], "
        "(ARRAY['slack', 'intercom', 'whatsapp', 'email', 'in_app', 'api'])[1 + n / 2 % 6], "
        "CASE WHEN n % 5 = 0 THEN "
      + somebody() + "::uuid END, CASE WHEN n % 7 = 0 THEN " + somebody()
      + "::uuid END, '2026-01-01'::timestamptz + n / 3 * interval '1 second', now() "
        "FROM generate_series(1, "
      + std::to_string(count) + ") n");
    run("INSERT INTO ticket_counters SELECT workspace_id, status, original_channel, priority, "
        "ticket_type, 0, count(*) FROM tickets GROUP BY 1, 2, 3, 4, 5 "
        "ON CONFLICT (workspace_id, status, original_channel, priority, ticket_type, slot) "
        "DO UPDATE SET n = excluded.n");
    run("SELECT setval(ticket_number_sequence('" + to_string(first_workspace) + "')::regclass, "
        + std::to_string(count) + ")");
  }

  static std::string somebody() { return "'01900000-0000-7000-8000-0000000000aa'"; }

  domain::result<ticket_page> page_of(const ticket_query& query) {
    return wait_for<ticket_page>(
      [&](auto done) { reads_of().list_tickets(query, std::move(done)); });
  }

  /// The numbers of every page of a query, behind one another.
  std::vector<std::int64_t> walk(ticket_query query) {
    std::vector<std::int64_t> numbers;
    for (int pages = 0; pages < 1000; ++pages) {
      const auto page = page_of(query);
      if (!page) {
        ADD_FAILURE() << page.why().message;
        return numbers;
      }
      for (const auto& ticket : page->tickets)
        numbers.push_back(ticket.number);
      if (!page->more)
        return numbers;
      EXPECT_EQ(page->tickets.size(), static_cast<std::size_t>(query.limit));
      const auto& last = page->tickets.back();
      query.after = ticket_position{last.created_at, last.id, last.urgency};
    }
    ADD_FAILURE() << "the pages have no end";
    return numbers;
  }

  std::vector<std::int64_t> found(const std::string& search) {
    ticket_query query;
    query.workspace = first_workspace;
    query.search = search;
    query.order = ticket_order::oldest;
    return walk(query);
  }

  domain::result<ticket_detail> detail_of(const domain::uuid& ticket,
                                          const domain::uuid& workspace = first_workspace) {
    return wait_for<ticket_detail>(
      [&](auto done) { reads_of().detail_of(workspace, ticket, std::move(done)); });
  }

  domain::result<delivery_page> deliveries_of(const delivery_query& query) {
    return wait_for<delivery_page>(
      [&](auto done) { reads_of().list_deliveries(query, std::move(done)); });
  }

  read_store& reads_of() { return journal_fixture::reads(); }
};

template <class T>
std::string names_of(const std::vector<T>& values) {
  std::string names;
  for (const auto& value : values)
    names += (names.empty() ? "'" : ", '") + std::string{to_string(value)} + "'";
  return names;
}

template <class Values, class Chosen>
void choose(const Values& from, std::vector<Chosen>& into, std::mt19937_64& random) {
  if (random() % 2 == 0)
    return;
  for (const auto& each : from)
    if (random() % 3 == 0)
      into.push_back(each);
}

// ---- lists

TEST_F(reads, finds_by_any_filter_in_any_order_what_plain_sql_finds) {
  fill(400);
  std::mt19937_64 random{testing::printed_seed()};
  const std::array orders{
    std::pair{ticket_order::newest, "created_at DESC, id DESC"},
    std::pair{ticket_order::oldest, "created_at, id"},
    std::pair{ticket_order::urgency, "priority, created_at DESC, id DESC"},
  };
  for (int round = 0; round < 60; ++round) {
    ticket_query query;
    query.workspace = first_workspace;
    choose(domain::all_statuses, query.statuses, random);
    choose(domain::all_channels, query.channels, random);
    choose(domain::all_ticket_types, query.types, random);
    choose(std::array{0, 1, 2, 3, 4, 5}, query.priorities, random);
    const auto& [order, order_by] = orders.at(random() % orders.size());
    query.order = order;
    query.limit = static_cast<int>(1 + random() % 40);
    std::string where = "true";
    if (!query.statuses.empty())
      where += " AND status IN (" + names_of(query.statuses) + ")";
    if (!query.channels.empty())
      where += " AND original_channel IN (" + names_of(query.channels) + ")";
    if (!query.types.empty())
      where += " AND ticket_type IN (" + names_of(query.types) + ")";
    if (!query.priorities.empty()) {
      where += " AND priority IN (-1";
      for (const auto urgency : query.priorities)
        where += ", " + std::to_string(urgency);
      where += ")";
    }
    if (random() % 5 == 0) {
      query.assignee = *domain::parse_uuid(somebody().substr(1, 36));
      where += " AND assignee_id = " + somebody();
    }
    if (random() % 5 == 0) {
      query.group = *domain::parse_uuid(somebody().substr(1, 36));
      where += " AND ticket_group_id = " + somebody();
    }
    SCOPED_TRACE(where + " ORDER BY " + order_by + " by " + std::to_string(query.limit));
    const auto total = count("tickets WHERE " + where);
    const auto first = page_of(query);
    ASSERT_TRUE(first) << first.why().message;
    EXPECT_EQ(std::to_string(first->total), total);
    EXPECT_TRUE(first->total_is_exact);
    std::string walked;
    for (const auto number : walk(query))
      walked += (walked.empty() ? "" : " ") + std::to_string(number);
    EXPECT_EQ(walked,
              ask("SELECT coalesce(string_agg(number::text, ' ' ORDER BY " + std::string{order_by}
                  + "), '') FROM tickets WHERE " + where));
  }
}

TEST_F(reads, pages_by_offset_as_by_key) {
  fill(95);
  ticket_query query;
  query.workspace = first_workspace;
  query.limit = 10;
  std::vector<std::int64_t> numbers;
  for (query.offset = 0; query.offset < 100; query.offset += 10) {
    const auto page = page_of(query);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->more, query.offset < 90);
    for (const auto& ticket : page->tickets)
      numbers.push_back(ticket.number);
  }
  query.offset = 0;
  EXPECT_EQ(numbers, walk(query));
  EXPECT_EQ(numbers.size(), 95U);
}

TEST_F(reads, repeat_and_miss_nothing_when_tickets_arrive_between_pages) {
  fill(60);
  ticket_query query;
  query.workspace = first_workspace;
  query.limit = 20;
  const auto before = walk(query);
  const auto first = page_of(query);
  ASSERT_TRUE(first);
  ASSERT_EQ(commit(opening({.delivery = "d1"})).what, kind::committed);
  const auto& last = first->tickets.back();
  query.after = ticket_position{last.created_at, last.id, last.urgency};
  const auto rest = walk(query);
  EXPECT_EQ(rest, std::vector<std::int64_t>(before.begin() + 20, before.end()));
}

TEST_F(reads, show_a_ticket_as_it_was_committed) {
  auto said = opening({.delivery = "d1", .text = "The export crashes", .email = "ana@example.com"});
  said.opens->tags = {"billing", "with \"quotes\" and, commas", "{braces}", "NULL", ""};
  said.opens->pii_types = {"email", "phone"};
  const auto opened = commit(said);
  ASSERT_EQ(opened.what, kind::committed);
  ticket_query query;
  query.workspace = first_workspace;
  const auto page = page_of(query);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->tickets.size(), 1U);
  const auto& ticket = page->tickets.front();
  EXPECT_EQ(ticket.id, opened.ticket_id);
  EXPECT_EQ(ticket.number, opened.number);
  EXPECT_EQ(ticket.title, "The export crashes");
  EXPECT_EQ(ticket.status, "open");
  EXPECT_EQ(ticket.channel, "slack");
  EXPECT_EQ(ticket.tags, said.opens->tags);
  EXPECT_EQ(ticket.pii_types, said.opens->pii_types);
  EXPECT_EQ(ticket.version, 1);
  EXPECT_EQ(ticket.created_at, at());
  EXPECT_EQ(ticket.updated_at, at());
  EXPECT_EQ(ticket.resolved_at, std::nullopt);
  EXPECT_EQ(ticket.group, std::nullopt);
  ASSERT_TRUE(ticket.reporter);
  EXPECT_EQ(ticket.reporter->name, "Ana");
  EXPECT_EQ(ticket.reporter->email, "ana@example.com");
}

TEST_F(reads, say_when_a_ticket_was_resolved_and_forget_it_when_it_opens_again) {
  auto core = open_ticket({.delivery = "d1"});
  ASSERT_EQ(commit(patching({.status = ticket_status::resolved}, core)).what, kind::committed);
  EXPECT_EQ(detail_of(core.id)->ticket.resolved_at, at());
  core = core_of(core.id);
  ASSERT_EQ(commit(patching({.status = ticket_status::closed}, core)).what, kind::committed);
  EXPECT_EQ(detail_of(core.id)->ticket.resolved_at, at());
  core = core_of(core.id);
  ASSERT_EQ(commit(patching({.status = ticket_status::open}, core)).what, kind::committed);
  EXPECT_EQ(detail_of(core.id)->ticket.resolved_at, std::nullopt);
}

// ---- search

class searches : public reads {
protected:
  void SetUp() override {
    fill(45);
    const std::array titles{"The export crashes on Safari",
                            "La exportaci\u00F3n falla siempre",
                            "Olvid\u00E9 mi contrase\u00F1a",
                            "Cannot log in with my password",
                            "El \u00C1rbol \u00F1and\u00FA ping\u00FCino"};
    for (std::size_t i = 0; i < titles.size(); ++i)
      run("UPDATE tickets SET title = '" + std::string{titles.at(i)}
          + "' WHERE number = " + std::to_string(i + 1));
  }
};

TEST_F(searches, find_english_and_spanish_words_with_and_without_accents) {
  const std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected{
    {"export", {1}},
    {"EXPORT", {1}},
    {"safari crashes", {1}},
    {"exportaci\u00F3n", {2}},
    {"exportacion", {2}},
    {"Exportacion falla", {2}},
    {"contrase\u00F1a", {3}},
    {"contrasena", {3}},
    {"CONTRASE\u00D1A", {3}},
    {"olvide", {3}},
    {"arbol nandu pinguino", {5}},
    {"\"log in\"", {4}},
    {"\"in log\"", {}},
    {"password -safari", {4}},
    {"export or password", {1, 4}},
    {"nowhere", {}},
  };
  for (const auto& [words, numbers] : expected)
    EXPECT_EQ(found(words), numbers) << words;
}

TEST_F(searches, find_a_ticket_by_its_number) {
  EXPECT_EQ(found("#42"), std::vector<std::int64_t>{42});
  EXPECT_EQ(found("42"), std::vector<std::int64_t>{42});
  EXPECT_EQ(found("#4200"), std::vector<std::int64_t>{});
  EXPECT_EQ(found("999999999999999999999999"), std::vector<std::int64_t>{});
}

TEST_F(searches, bear_any_words) {
  for (const auto* words : {"'", "\\", "a & b | !", ":*", "((", "\"", "-", "#", "%_", "$1", "<->"})
    EXPECT_THAT(found(words), ::testing::SizeIs(::testing::Le(45U))) << words;
}

TEST_F(searches, combine_with_filters) {
  ticket_query query;
  query.workspace = first_workspace;
  query.search = "filler";
  query.statuses = {ticket_status::open};
  const auto page = page_of(query);
  ASSERT_TRUE(page);
  EXPECT_EQ(std::to_string(page->total), count("tickets WHERE status = 'open'"));
  EXPECT_TRUE(page->total_is_exact);
}

TEST_F(searches, stop_counting_matches_at_a_bound) {
  run("DELETE FROM ticket_counters");
  run("DELETE FROM tickets");
  fill(static_cast<int>(counted_matches) + 50);
  ticket_query query;
  query.workspace = first_workspace;
  query.search = "filler";
  const auto page = page_of(query);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->total, counted_matches);
  EXPECT_FALSE(page->total_is_exact);
  query.search.clear();
  const auto all = page_of(query);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->total, counted_matches + 50) << "counters know it without counting";
  EXPECT_TRUE(all->total_is_exact);
}

// ---- details

TEST_F(reads, show_everything_around_a_ticket) {
  auto said = opening({.delivery = "d1", .thread = "t1", .text = "The export crashes"});
  said.opens->external_url = "https://example.com/t1";
  said.opens->metadata = R"({"channel": "support"})";
  said.attachments.push_back({fresh_id(),
                              {.external_id = "F1",
                               .file_name = "shot.png",
                               .file_type = "image/png",
                               .file_size = 5'000'000'000,
                               .url = "https://example.com/shot.png"}});
  const auto opened = commit(said);
  ASSERT_EQ(opened.what, kind::committed);
  ASSERT_EQ(
    commit(attaching({.delivery = "d2", .text = "It still does", .later = std::chrono::seconds{1}},
                     core_of(opened.ticket_id)))
      .what,
    kind::committed);
  const auto detail = detail_of(opened.ticket_id);
  ASSERT_TRUE(detail) << detail.why().message;
  EXPECT_EQ(detail->description, "The export crashes");
  EXPECT_EQ(detail->metadata, R"({"channel": "support"})");
  ASSERT_EQ(detail->sources.size(), 1U);
  EXPECT_EQ(detail->sources[0].external_id, "t1");
  EXPECT_EQ(detail->sources[0].external_url, "https://example.com/t1");
  EXPECT_EQ(detail->sources[0].payload, "payload of d1");
  ASSERT_EQ(detail->messages.size(), 2U);
  EXPECT_EQ(detail->messages[0].body, "The export crashes") << "oldest first";
  EXPECT_EQ(detail->messages[1].body, "It still does");
  ASSERT_EQ(detail->events.size(), 2U);
  EXPECT_EQ(detail->events[0].type, "message_received") << "newest first";
  EXPECT_EQ(detail->events[1].type, "created");
  EXPECT_GT(detail->events[0].seq, detail->events[1].seq);
  ASSERT_EQ(detail->attachments.size(), 1U);
  EXPECT_EQ(detail->attachments[0].file_size, 5'000'000'000);
  EXPECT_EQ(detail->attachments[0].status, "failed") << "no job is on its way for it";
  EXPECT_FALSE(detail->truncated);
}

TEST_F(reads, show_what_became_of_a_file) {
  auto said = opening({.delivery = "d1"});
  const auto file = fresh_id();
  said.attachments.push_back(
    {file, {.external_id = "F1", .file_type = "text/html", .url = "https://x"}});
  said.jobs.push_back({.id = fresh_id(),
                       .kind = domain::job_kind::attachment_fetch,
                       .dedup_key = domain::fetch_key(file),
                       .run_at = at()});
  const auto ticket = commit(said).ticket_id;
  const auto shown = [&] { return detail_of(ticket)->attachments.at(0); };
  EXPECT_EQ(shown().status, "pending");
  EXPECT_EQ(shown().failure, std::nullopt);

  run("DELETE FROM jobs");
  EXPECT_EQ(shown().status, "failed") << "however its job ended";
  EXPECT_THAT(*shown().failure, ::testing::HasSubstr("dead letter"));

  const auto settle = [&](domain::file_settlement how) {
    how.attachment = file;
    domain::change what;
    what.workspace = first_workspace;
    what.at = at();
    what.file = std::move(how);
    ASSERT_EQ(commit(what).what, kind::committed);
  };
  settle({.why_not = "it is empty"});
  EXPECT_EQ(shown().status, "failed");
  EXPECT_EQ(shown().failure, "it is empty");

  domain::file_settlement kept{.place = "disk:x", .type = "image/png", .size = 7};
  kept.sha256.fill(0xAB);
  settle(kept);
  settle({.why_not = "a late attempt says so"});
  EXPECT_EQ(shown().status, "stored");
  EXPECT_EQ(shown().failure, std::nullopt);
  EXPECT_EQ(shown().file_type, "image/png");
  EXPECT_EQ(shown().file_size, 7);
  const auto facts_for = [&](const domain::uuid& workspace, const domain::uuid& id) {
    return wait_for<attachment_facts>(
      [&](auto done) { reads_of().attachment_of(workspace, id, std::move(done)); });
  };
  const auto facts = facts_for(first_workspace, file);
  ASSERT_TRUE(facts) << facts.why().message;
  EXPECT_EQ(facts->ticket, ticket);
  EXPECT_EQ(facts->from, channel::slack);
  EXPECT_EQ(facts->external_id, "F1");
  EXPECT_EQ(facts->source_url, "https://x");
  EXPECT_EQ(facts->place, "disk:x");
  EXPECT_EQ(facts->sha256, std::string(32, '\xAB'));
  EXPECT_EQ(facts_for(first_workspace, fresh_id()).why().code, domain::errc::not_found);
  EXPECT_EQ(facts_for(fresh_id(), file).why().code, domain::errc::not_found)
    << "another workspace's";
}

TEST_F(reads, show_a_source_whose_payload_retention_has_dropped) {
  const auto core = open_ticket({.delivery = "d1"});
  run("DELETE FROM webhook_deliveries");
  run("DELETE FROM intake_counters");
  const auto detail = detail_of(core.id);
  ASSERT_TRUE(detail);
  ASSERT_EQ(detail->sources.size(), 1U);
  EXPECT_EQ(detail->sources[0].payload, std::nullopt);
}

TEST_F(reads, show_the_latest_of_a_long_history_and_say_that_there_is_more) {
  const auto core = open_ticket({.delivery = "d1"});
  const auto add = [&](int from, int to) {
    const auto range = std::to_string(from) + ", " + std::to_string(to);
    run("INSERT INTO ticket_messages (workspace_id, id, ticket_id, platform, direction, body, "
        "created_at) SELECT workspace_id, gen_random_uuid(), id, 'slack', 'inbound', n::text, "
        "now() + n * interval '1 second' FROM tickets, generate_series("
        + range + ") n");
    run("INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, "
        "created_at) SELECT workspace_id, gen_random_uuid(), id, n::text, 'system', now() "
        "FROM tickets, generate_series("
        + range + ") n ORDER BY n");
  };
  add(2, history_limit);
  const auto full = detail_of(core.id);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->messages.size(), static_cast<std::size_t>(history_limit));
  EXPECT_EQ(full->events.size(), static_cast<std::size_t>(history_limit));
  EXPECT_FALSE(full->truncated);
  add(history_limit + 1, history_limit + 3);
  const auto more = detail_of(core.id);
  ASSERT_TRUE(more);
  EXPECT_TRUE(more->truncated);
  ASSERT_EQ(more->messages.size(), static_cast<std::size_t>(history_limit));
  EXPECT_EQ(more->messages.front().body, "4");
  EXPECT_EQ(more->messages.back().body, std::to_string(history_limit + 3));
  ASSERT_EQ(more->events.size(), static_cast<std::size_t>(history_limit));
  EXPECT_EQ(more->events.front().type, std::to_string(history_limit + 3));
}

TEST_F(reads, know_nothing_of_other_workspaces) {
  const auto core = open_ticket({.delivery = "d1"});
  const auto detail = detail_of(core.id, fresh_id());
  ASSERT_FALSE(detail);
  EXPECT_EQ(detail.why().code, errc::not_found);
  const auto stranger = wait_for<domain::ticket_core>(
    [&](auto done) { reads_of().core_of(fresh_id(), core.id, std::move(done)); });
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.why().code, errc::not_found);
  ticket_query query;
  query.workspace = fresh_id();
  const auto page = page_of(query);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->total, 0);
  EXPECT_THAT(page->tickets, ::testing::IsEmpty());
}

// ---- deliveries and the ledger

TEST_F(reads, list_deliveries_by_outcome_and_channel_newest_first) {
  std::vector<domain::change> batch;
  for (int i = 0; i < 25; ++i) {
    const auto name = "d" + std::to_string(i);
    batch.push_back(
      i % 5 == 0 ? ignoring(name)
      : i % 5 == 1
        ? not_understanding(name, "{" + name)
        : opening({.delivery = name, .platform = i % 2 == 0 ? channel::slack : channel::intercom}));
  }
  for (const auto& answer : commit(std::move(batch)))
    ASSERT_EQ(answer.what, kind::committed) << ::testing::PrintToString(answer);
  const auto walked = [&](delivery_query query) {
    std::vector<delivery_row> rows;
    query.workspace = first_workspace;
    query.limit = 4;
    for (;;) {
      const auto page = deliveries_of(query);
      EXPECT_TRUE(page);
      if (!page)
        return rows;
      EXPECT_TRUE(page->total_is_exact);
      rows.insert(rows.end(), page->deliveries.begin(), page->deliveries.end());
      EXPECT_EQ(page->more, rows.size() < static_cast<std::size_t>(page->total));
      if (!page->more)
        return rows;
      query.after = rows.back().id;
    }
  };
  const auto all = walked({});
  ASSERT_EQ(all.size(), 25U);
  EXPECT_TRUE(std::ranges::is_sorted(all, std::ranges::greater{}, &delivery_row::id));
  EXPECT_EQ(all.front().external_id, "d24");
  const auto second = deliveries_of({.workspace = first_workspace, .limit = 20, .offset = 20});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->total, 25);
  EXPECT_FALSE(second->more);
  ASSERT_EQ(second->deliveries.size(), 5U);
  EXPECT_EQ(second->deliveries.front().id, all[20].id);
  const auto full = deliveries_of({.workspace = first_workspace, .limit = 25});
  ASSERT_TRUE(full);
  EXPECT_FALSE(full->more) << "a last page that is exactly full is the last";
  const auto created = walked({.outcome = delivery_outcome::created});
  EXPECT_EQ(created.size(), 15U);
  for (const auto& row : created) {
    EXPECT_EQ(row.outcome, "created");
    EXPECT_TRUE(row.ticket);
    EXPECT_EQ(row.received_at, at());
  }
  const auto kept = walked({.outcome = delivery_outcome::quarantined});
  ASSERT_EQ(kept.size(), 5U);
  EXPECT_EQ(kept.front().error, "the body is not JSON");
  EXPECT_EQ(kept.front().ticket, std::nullopt);
  EXPECT_EQ(
    walked({.platform = channel::intercom}).size(),
    static_cast<std::size_t>(std::stoi(count("webhook_deliveries WHERE platform = 'intercom'"))));
  EXPECT_EQ(
    walked({.outcome = delivery_outcome::quarantined, .platform = channel::intercom}).size(), 0U);
}

TEST_F(reads, bring_a_stored_delivery_back_byte_by_byte) {
  std::string payload;
  for (int byte = 0; byte < 256; ++byte)
    payload += static_cast<char>(byte);
  const auto kept = commit(not_understanding("d1", payload));
  const auto stored = wait_for<stored_delivery>(
    [&](auto done) { reads_of().delivery_of(first_workspace, kept.delivery_id, std::move(done)); });
  ASSERT_TRUE(stored) << stored.why().message;
  EXPECT_EQ(stored->payload, payload);
  EXPECT_EQ(stored->content_type, "application/json");
  EXPECT_EQ(stored->row.outcome, "quarantined");
  EXPECT_EQ(stored->row.received_at, at());
  EXPECT_EQ(std::chrono::floor<std::chrono::days>(stored->occurred_at),
            std::chrono::floor<std::chrono::days>(at()));
  const auto none = wait_for<stored_delivery>(
    [&](auto done) { reads_of().delivery_of(first_workspace, fresh_id(), std::move(done)); });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.why().code, errc::not_found);
}

TEST_F(reads, add_the_ledger_up_over_all_writers) {
  auto other = make_writer(1);
  commit_stats stats;
  other->commit(testing::shared({opening({.delivery = "d1"}), ignoring("d2")}), stats);
  commit(std::vector{opening({.delivery = "d1"}),
                     opening({.delivery = "d3", .platform = channel::whatsapp}),
                     not_understanding("d4", "{")});
  const auto ledger = wait_for<storage::ledger>(
    [&](auto done) { reads_of().ledger_of(first_workspace, std::move(done)); });
  ASSERT_TRUE(ledger);
  ASSERT_THAT(*ledger, ::testing::SizeIs(2));
  const auto& slack = ledger->at("slack");
  EXPECT_EQ(slack.received, 4);
  EXPECT_EQ(slack.created, 1);
  EXPECT_EQ(slack.attached, 0);
  EXPECT_EQ(slack.duplicate, 1);
  EXPECT_EQ(slack.not_feedback, 1);
  EXPECT_EQ(slack.quarantined, 1);
  EXPECT_EQ(ledger->at("whatsapp").created, 1);
}

// ---- the pool

TEST_F(reads, are_refused_at_once_when_too_many_wait) {
  const auto core = open_ticket({.delivery = "d1"});
  auto small = make_read_store(
    {.connection_string = connection_string(), .connections = 1, .queue_limit = 2}, keys_);
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  const auto ask_core = [&] {
    small->core_of(first_workspace, core.id, [&](const domain::result<domain::ticket_core>& got) {
      if (got)
        ++answered;
      else if (got.why().code == errc::unavailable)
        ++refused;
    });
  };
  {
    pqxx::connection connection{owner_connection()};
    pqxx::work blocker{connection};
    blocker.exec("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE");
    ask_core();
    ASSERT_TRUE(
      tests::eventually([&] { return small->stats().busy == 1 && small->stats().waiting == 0; }));
    ask_core();
    ask_core();
    EXPECT_EQ(small->stats().waiting, 2U);
    EXPECT_EQ(refused, 0);
    ask_core();
    ask_core();
    EXPECT_EQ(refused, 2);
    EXPECT_EQ(small->stats().rejected, 2U);
    EXPECT_EQ(answered, 0);
  }
  EXPECT_TRUE(tests::eventually([&] { return answered == 3; }));
  EXPECT_TRUE(tests::eventually([&] { return small->stats().busy == 0; }));
}

TEST_F(reads, are_unavailable_without_a_database) {
  auto nowhere = make_read_store(
    {.connection_string = "host=127.0.0.1 port=1 user=nobody", .connections = 1, .queue_limit = 10},
    keys_);
  const auto answer =
    wait_for<std::chrono::microseconds>([&](auto done) { nowhere->ping(std::move(done)); });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.why().code, errc::unavailable);
  EXPECT_EQ(nowhere->stats().failures, 1U);
}

TEST_F(reads, do_not_notice_that_their_connections_were_lost) {
  const auto core = open_ticket({.delivery = "d1"});
  for (int round = 0; round < 3; ++round) {
    run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'feedback-hub reads'");
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(core_of(core.id).id, core.id);
    EXPECT_NE(count("pg_stat_activity WHERE datname = current_database() "
                    "AND application_name = 'feedback-hub reads'"),
              "0");
  }
}

TEST_F(reads, finish_what_runs_when_they_stop_and_refuse_the_rest) {
  const auto core = open_ticket({.delivery = "d1"});
  auto store = make_read_store(
    {.connection_string = connection_string(), .connections = 1, .queue_limit = 100}, keys_);
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  const auto ask_core = [&] {
    store->core_of(first_workspace, core.id, [&](const domain::result<domain::ticket_core>& got) {
      if (got)
        ++answered;
      else if (got.why().code == errc::unavailable)
        ++refused;
    });
  };
  std::thread stopping;
  {
    pqxx::connection connection{owner_connection()};
    pqxx::work blocker{connection};
    blocker.exec("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE");
    ask_core();
    ASSERT_TRUE(
      tests::eventually([&] { return store->stats().busy == 1 && store->stats().waiting == 0; }));
    for (int i = 0; i < 50; ++i)
      ask_core();
    stopping = std::thread{[&] { store->stop(); }};
    EXPECT_TRUE(tests::eventually([&] { return refused == 50; }))
      << "nobody waits for a read that will not be made";
    EXPECT_EQ(answered, 0);
  }
  stopping.join();
  EXPECT_EQ(answered, 1);
  const auto late =
    wait_for<std::chrono::microseconds>([&](auto done) { store->ping(std::move(done)); });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.why().code, errc::unavailable);
}

// ---- events

TEST_F(reads, know_when_a_transaction_may_still_bring_a_lower_number) {
  const auto ticket = open_ticket({.delivery = "d1", .thread = "t1"});
  const auto write_event = [&](pqxx::work& tx) {
    see_and_write(tx, {testing::first_workspace});
    return tx
      .exec_params1(
        "INSERT INTO ticket_events (workspace_id, id, ticket_id, event_type, actor_type, "
        "created_at) VALUES ($1::uuid, gen_random_uuid(), $2::uuid, 'noted', 'system', "
        "now()) RETURNING seq",
        to_string(testing::first_workspace),
        to_string(ticket.id))[0]
      .as<std::int64_t>();
  };
  const auto look = [&](std::int64_t after, bool takes_number) {
    event_query query;
    query.workspaces = {testing::first_workspace};
    query.after = after;
    query.takes_number = takes_number;
    return *wait_for<event_page>(
      [&](auto done) { reads_of().list_events(query, std::move(done)); });
  };
  const auto before = look(0, false).last_number;
  pqxx::connection slow{connection_string()};
  pqxx::connection quick{connection_string()};
  auto running = std::make_unique<pqxx::work>(slow);
  const auto lower = write_event(*running);
  {
    pqxx::work tx{quick};
    EXPECT_GT(write_event(tx), lower);
    tx.commit();
  }
  const auto seen = look(before, false);
  EXPECT_EQ(seen.last_number, lower + 1);
  ASSERT_THAT(seen.events, ::testing::SizeIs(1));
  EXPECT_FALSE(seen.own_number);
  const auto numbered = look(before, true);
  ASSERT_TRUE(numbered.own_number);
  for (int i = 0; i < 3; ++i) // whatever else begins and ends meanwhile
    EXPECT_LT(look(before, i == 1).oldest_running, *numbered.own_number);
  running->commit();
  running.reset();
  const auto after = look(before, false);
  EXPECT_GE(after.oldest_running, *numbered.own_number);
  EXPECT_THAT(after.events, ::testing::SizeIs(2));
}

TEST_F(reads, know_of_a_transaction_that_nobody_has_begun_after) {
  // The newest transaction of all is beyond what a snapshot calls its end.
  pqxx::connection slow{connection_string()};
  auto running = std::make_unique<pqxx::work>(slow);
  see_and_write(*running, {testing::first_workspace});
  event_query query;
  query.workspaces = {testing::first_workspace};
  query.takes_number = true;
  const auto look = [&] {
    return *wait_for<event_page>(
      [&](auto done) { reads_of().list_events(query, std::move(done)); });
  };
  const auto own = look().own_number;
  ASSERT_TRUE(own);
  query.takes_number = false;
  EXPECT_LT(look().oldest_running, *own);
  running->commit();
  running.reset();
  EXPECT_GE(look().oldest_running, *own);
}

} // namespace
} // namespace hub::storage
