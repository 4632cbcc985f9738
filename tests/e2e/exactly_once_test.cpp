#include "tests/e2e/hub_suite.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <random>
#include <set>

namespace hub::testing {
namespace {

constexpr int clients = 32;

class exactly_once : public hub_suite<exactly_once> {
protected:
  /// One delivery of every channel in turn, each the opening of a thread of its own.
  static std::vector<delivery> openings(int count) {
    std::vector<delivery> made;
    for (int i = 0; i < count; ++i) {
      const auto id = unique("");
      if (i % 3 == 0)
        made.push_back(slack({.event_id = "Ev" + id, .ts = fresh_ts(), .user = "U" + id}));
      else if (i % 3 == 1)
        made.push_back(intercom({.conversation = "conversation" + id, .user = "contact" + id}));
      else
        made.push_back(whatsapp({{.id = "wamid." + id, .from = "346" + id}}));
    }
    return made;
  }

  /// Which ticket each delivery was answered with, by all clients together.
  class tickets_seen {
  public:
    void note(std::size_t delivery, const answer& got) {
      const std::lock_guard lock{guard_};
      EXPECT_EQ(got.status, 200) << got.text;
      EXPECT_EQ(got.at("status"), "ok") << got.text;
      seen_[delivery].insert(got.at("ticket_id"));
      fresh_[delivery] += got.is("duplicate") ? 0 : 1;
    }
    /// The ticket of each delivery, after checking that it was always the same and new just once.
    std::map<std::size_t, std::string> settled(std::size_t count) const {
      std::map<std::size_t, std::string> tickets;
      for (std::size_t i = 0; i < count; ++i) {
        const auto found = seen_.find(i);
        if (found == seen_.end() || found->second.size() != 1 || found->second.contains("")) {
          ADD_FAILURE() << "delivery " << i << " was not answered with one ticket";
          continue;
        }
        EXPECT_EQ(fresh_.at(i), 1) << "delivery " << i << " was new more or less than once";
        tickets[i] = *found->second.begin();
      }
      return tickets;
    }

  private:
    std::mutex guard_;
    std::map<std::size_t, std::set<std::string>> seen_;
    std::map<std::size_t, int> fresh_;
  };
};

TEST_F(exactly_once, makes_a_thousand_tickets_of_a_thousand_deliveries_sent_by_everyone) {
  constexpr std::size_t count = 1000;
  const auto seed = test_seed();
  const auto sent = openings(count);
  const auto before = ledger_total(hub().port());
  tickets_seen seen;
  std::atomic<std::int64_t> calls{0};
  // In the first round every client sends everything, so that the same delivery is often in flight
  // many times at once; the other rounds are the retries that come later.
  for (const int round : {1, 2, 3})
    in_parallel(clients, [&](int client) {
      std::mt19937_64 random{seed + static_cast<std::uint64_t>(round * 1000 + client)};
      std::vector<std::size_t> order(count);
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), random);
      if (round > 1)
        order.resize(count / 8);
      hub_client to{hub().port()};
      for (const auto i : order) {
        seen.note(i, to.send_until_taken(sent[i]));
        ++calls;
      }
    });

  const auto tickets = seen.settled(count);
  std::set<std::string> different;
  for (const auto& [i, ticket] : tickets)
    different.insert(ticket);
  EXPECT_EQ(different.size(), count);

  const auto after = ledger_total(hub().port());
  EXPECT_TRUE(after.balanced());
  EXPECT_EQ(after.received - before.received, calls);
  EXPECT_EQ(after.created - before.created, std::int64_t{count});
  EXPECT_EQ(after.duplicate - before.duplicate, calls - std::int64_t{count});
  EXPECT_EQ(after.attached, before.attached);

  hub_client api{hub().port()};
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    const auto detail = api.get("/api/tickets/" + tickets.at(i));
    EXPECT_EQ(detail.body.at("original_channel"), to_string(sent[i].channel));
    EXPECT_EQ(detail.body.at("messages").size(), 1U);
  }
}

TEST_F(exactly_once, keeps_the_order_of_every_thread_while_replies_arrive_several_times) {
  constexpr int threads = 100;
  constexpr int replies = 10;
  constexpr int copies = 3;
  const auto seed = test_seed();
  const auto before = ledger_total(hub().port());
  std::vector<std::string> tickets(threads);
  std::atomic<int> next{0};

  in_parallel(8, [&](int) {
    for (int thread = next++; thread < threads; thread = next++) {
      std::mt19937_64 random{seed + static_cast<std::uint64_t>(thread)};
      const auto id = unique("");
      const auto ts = fresh_ts();
      const bool on_slack = random() % 2 == 0;
      for (int said = 0; said <= replies; ++said) {
        const auto text = "word " + std::to_string(said);
        const auto part = said == 0 ? std::string{} : id + "p" + std::to_string(said);
        const auto words =
          on_slack ? slack({.event_id = "Ev" + id + "." + std::to_string(said),
                            .ts = said == 0 ? ts : fresh_ts(),
                            .text = text,
                            .thread_ts = said == 0 ? "" : ts,
                            .user = "U" + id})
                   : intercom({.conversation = "c" + id, .part = part, .text = text, .user = id});
        // Several copies race each other; the next reply is sent when all are answered.
        std::mutex guard;
        int fresh = 0;
        in_parallel(copies, [&](int) {
          hub_client to{hub().port()};
          const auto got = to.send_until_taken(words);
          const std::lock_guard lock{guard};
          EXPECT_EQ(got.status, 200) << got.text;
          fresh += got.is("duplicate") ? 0 : 1;
          auto& ticket = tickets[static_cast<std::size_t>(thread)];
          if (ticket.empty())
            ticket = got.at("ticket_id");
          EXPECT_EQ(got.at("ticket_id"), ticket) << got.text;
        });
        EXPECT_EQ(fresh, 1);
      }
    }
  });

  const auto after = ledger_total(hub().port());
  EXPECT_TRUE(after.balanced());
  EXPECT_EQ(after.created - before.created, threads);
  EXPECT_EQ(after.attached - before.attached, threads * replies);
  EXPECT_EQ(after.duplicate - before.duplicate, threads * (replies + 1) * (copies - 1));

  hub_client api{hub().port()};
  for (const auto& ticket : tickets) {
    const auto detail = api.get("/api/tickets/" + ticket);
    ASSERT_EQ(detail.status, 200) << detail.text;
    std::vector<std::string> bodies;
    for (const auto& message : detail.body.at("messages"))
      bodies.push_back(message.at("body").get<std::string>());
    std::vector<std::string> expected;
    for (int said = 0; said <= replies; ++said)
      expected.push_back("word " + std::to_string(said));
    EXPECT_EQ(bodies, expected) << ticket;
  }
}

} // namespace
} // namespace hub::testing
