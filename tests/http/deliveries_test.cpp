#include "tests/http/routed_hub.hpp"

#include <atomic>
#include <map>
#include <mutex>

namespace hub::testing {
namespace {

using domain::errc;
using domain::fail;
using domain::verdict;

/// A quarantined delivery in front of a journal that knows keys, and a shard that counts.
class replays : public routed_hub {
protected:
  replays() {
    reads.delivery = [this](const domain::uuid& id) {
      storage::stored_delivery stored;
      stored.row.id = id;
      stored.row.platform = "slack";
      stored.row.outcome = "quarantined";
      stored.content_type = payload_.content_type;
      stored.payload = payload_.body;
      return stored;
    };
    commit = [this](const domain::change& change) { return keep(change); };
    reads.answer = [this](const std::string& key) {
      const std::lock_guard lock{guard_};
      return storage::stored_answer{200, keys_[key].answer};
    };
    take_in = [this](const domain::intake_item& item) -> domain::result<actors::taken_in> {
      EXPECT_TRUE(item.settles && item.replayed_by);
      EXPECT_EQ(item.replayed_by->label, "tester@example.com");
      ++taken_;
      if (refuses_)
        return fail(errc::unavailable, "no database");
      return actors::taken_in{.outcome = domain::delivery_outcome::created};
    };
  }

  answer replay(const std::string& key, const nlohmann::json& body = nlohmann::json::object()) {
    return api().post("/api/webhook_deliveries/00000000-0000-7000-8000-0000000000aa/replay",
                      body,
                      {{"Idempotency-Key", key}});
  }

  /// Answers are no longer kept, as if the process died before each.
  std::atomic<bool> forgets_{false};
  std::atomic<bool> refuses_{false};
  std::atomic<int> taken_{0};

private:
  struct known {
    std::array<std::uint8_t, 32> hash{};
    std::string answer;
  };

  verdict keep(const domain::change& change) {
    const std::lock_guard lock{guard_};
    verdict said;
    said.what = verdict::kind::committed;
    if (change.answer && !forgets_)
      if (auto& kept = keys_[change.answer->key].answer; kept.empty())
        kept = change.answer->body;
    if (!change.idempotency)
      return said;
    const auto [at, fresh] =
      keys_.try_emplace(change.idempotency->key, known{change.idempotency->request_hash, {}});
    if (!fresh)
      said.what = verdict::kind::duplicate;
    said.same_request = at->second.hash == change.idempotency->request_hash;
    return said;
  }

  const delivery payload_ = slack({.event_id = "Ev1", .ts = "1700000000.000001", .user = "U1"});
  std::mutex guard_;
  std::map<std::string, known> keys_;
};

TEST_F(replays, with_a_used_key_get_the_first_answer_and_act_no_more) {
  const auto first = replay("k");
  EXPECT_EQ(first.status, 200) << first.text;
  EXPECT_EQ(first.header("idempotent-replay"), "");
  const auto again = replay("k");
  EXPECT_EQ(again.status, 200) << again.text;
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("idempotent-replay"), "true");
  EXPECT_EQ(taken_, 1);
  const auto other = replay("k", {{"other", true}});
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(other.at("code"), "idempotency_key_reused");
}

TEST_F(replays, whose_answer_was_lost_are_done_again) {
  forgets_ = true;
  const auto first = replay("k");
  EXPECT_EQ(first.status, 200) << first.text << ": with its own answer, where none could be kept";
  EXPECT_EQ(replay("k").status, 200);
  EXPECT_EQ(taken_, 2);
}

TEST_F(replays, that_failed_may_be_tried_again_with_their_key) {
  refuses_ = true;
  EXPECT_EQ(replay("k").status, 503);
  refuses_ = false;
  const auto again = replay("k");
  EXPECT_EQ(again.status, 200) << again.text;
  EXPECT_EQ(again.header("idempotent-replay"), "");
}

} // namespace
} // namespace hub::testing
