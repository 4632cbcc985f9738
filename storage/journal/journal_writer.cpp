#include "storage/journal/journal_writer.hpp"

#include "domain/normaliser_rules.hpp"
#include "domain/text.hpp"
#include "storage/guarded.hpp"
#include "storage/journal/batch.hpp"
#include "storage/journal/file_statements.hpp"
#include "storage/journal/job_statements.hpp"
#include "storage/journal/release_statements.hpp"
#include "storage/journal/statements.hpp"
#include "storage/sealing.hpp"
#include "storage/visibility.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_set>
#include <utility>

namespace hub::storage {

namespace {

using domain::change;
using domain::errc;
using domain::failure;
using domain::verdict;

using batch_view = std::span<const change* const>;

constexpr int race_attempts = 5;

// Planning all statements takes some milliseconds: often while tables are young, then rarely.
constexpr std::chrono::steady_clock::duration first_replan = std::chrono::milliseconds{100};
constexpr std::chrono::steady_clock::duration last_replan = std::chrono::seconds{10};

/// Everything a Change claims for itself: two that share a key cannot be in one transaction.
std::vector<std::string> keys_of(const change& item) {
  std::vector<std::string> keys;
  const auto scope = to_string(item.workspace) + '/';
  if (item.delivery) {
    const auto platform = scope + std::string{to_string(item.delivery->platform)};
    keys.push_back(item.delivery->settles ? "settle/" + to_string(*item.delivery->settles)
                                          : "d/" + platform + '/' + item.delivery->external_id);
  }
  if (item.opens && item.opens->thread)
    keys.push_back("t/" + scope + std::string{to_string(item.opens->original_channel)} + '/'
                   + item.opens->thread->thread_id);
  if (item.message && !item.message->external_id.empty())
    keys.push_back("m/" + scope + std::string{to_string(item.message->platform)} + '/'
                   + item.message->external_id);
  if (item.updates)
    keys.push_back("u/" + to_string(item.updates->id));
  if (item.opens && item.opens->thread && item.opens->thread->joins_since && item.author)
    keys.push_back("j/" + scope + item.author->platform_user_id);
  if (item.step)
    keys.push_back("b/" + to_string(item.step->job));
  if (item.dead_letter)
    keys.push_back("l/" + to_string(item.dead_letter->id));
  if (item.of_sent && !item.of_sent->job.is_nil()) {
    keys.push_back("b/" + to_string(item.of_sent->job));
    keys.push_back("l/" + to_string(item.of_sent->job));
  }
  if (item.changelog)
    keys.push_back("u/" + to_string(item.changelog->ticket));
  if (item.triage)
    keys.push_back("g/" + to_string(item.triage->ticket));
  if (item.notification)
    keys.push_back("n/" + to_string(item.notification->notification));
  if (item.of_sent && !item.of_sent->message_id.empty())
    keys.push_back("w/" + item.of_sent->message_id);
  if (item.review)
    keys.push_back("r/" + scope);
  if (item.control)
    keys.push_back("c/" + std::string{to_string(item.control->kind)});
  if (item.idempotency)
    keys.push_back("i/" + scope + item.idempotency->key);
  return keys;
}

/// Splits a batch into rounds whose Changes do not touch each other; order among those that do is
/// kept. Nearly always one round: the shards serialise what belongs together.
std::vector<std::vector<std::size_t>> independent_rounds(std::span<const change_ptr> batch) {
  std::vector<std::vector<std::size_t>> rounds;
  std::vector<std::unordered_set<std::string>> claimed;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto keys = keys_of(*batch[i]);
    std::size_t round = rounds.size();
    const auto clashes = [&](std::size_t at) {
      return std::ranges::any_of(keys, [&](const auto& key) { return claimed[at].contains(key); });
    };
    while (round > 0 && !clashes(round - 1))
      --round;
    if (round == rounds.size()) {
      rounds.emplace_back();
      claimed.emplace_back();
    }
    rounds[round].push_back(i);
    claimed[round].insert(keys.begin(), keys.end());
  }
  return rounds;
}

std::vector<domain::uuid> workspaces_of(batch_view members) {
  std::vector<domain::uuid> all;
  for (const auto* item : members)
    if (std::ranges::find(all, item->workspace) == all.end())
      all.push_back(item->workspace);
  return all;
}

/// Look-ups run against tables that grow by orders of magnitude under one prepared plan: the
/// planner must not fall for a sequential scan because a table was empty when it looked.
void prepare_session(pqxx::connection& fresh) {
  pqxx::nontransaction tx{fresh};
  tx.exec("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
          "SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off; "
          "SET lock_timeout = '5s'; SET statement_timeout = '20s'; "
          "SET idle_in_transaction_session_timeout = '30s'; "
          "SET application_name = 'feedback-hub journal'");
}

class journal_writer final : public journal_store {
public:
  journal_writer(journal_writer_options options, const key_ring& keys)
    : options_{std::move(options)}, keys_{keys} {}

  domain::outcome connect() override {
    if (connected())
      return domain::done{};
    return guarded([&]() -> domain::outcome {
      connection_.reset();
      auto fresh = std::make_unique<pqxx::connection>(options_.connection_string);
      prepare_session(*fresh);
      for (const auto& statement : statements::all)
        fresh->prepare(statement.name, statement.sql);
      for (const auto& statement : statements::about_jobs)
        fresh->prepare(statement.name, statement.sql);
      for (const auto& statement : statements::about_release)
        fresh->prepare(statement.name, statement.sql);
      fresh->prepare(statements::settle_files.name, statements::settle_files.sql);
      connection_ = std::move(fresh);
      replan_every_ = first_replan;
      replan_at_ = std::chrono::steady_clock::now() + replan_every_;
      return domain::done{};
    });
  }

  [[nodiscard]] bool connected() const override { return connection_ && connection_->is_open(); }

  std::vector<verdict> commit(std::span<const change_ptr> batch, commit_stats& stats) override {
    const auto start = std::chrono::steady_clock::now();
    stats = {.changes = batch.size(), .transactions = 0, .duration = {}};
    std::vector<verdict> verdicts(batch.size());
    for (const auto& round : independent_rounds(batch)) {
      std::vector<const change*> members;
      members.reserve(round.size());
      for (const auto at : round)
        members.push_back(batch[at].get());
      auto answers = commit_or_split(members, stats);
      for (std::size_t i = 0; i < round.size(); ++i)
        verdicts[round[i]] = std::move(answers[i]);
    }
    stats.duration = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
    return verdicts;
  }

private:
  static std::vector<verdict> fail_all(std::size_t count, const failure& why) {
    verdict failed;
    failed.what = verdict::kind::failed;
    failed.why = why;
    return std::vector<verdict>(count, failed);
  }

  /// One transaction; the failure, if any, leaves nothing behind. Throws `lost_race`.
  domain::result<std::vector<verdict>> commit_once(batch_view members, commit_stats& stats) {
    if (auto up = connect(); !up)
      return std::move(up).why();
    ++stats.transactions;
    auto answer = guarded([&]() -> domain::result<std::vector<verdict>> {
      replan_if_due();
      pqxx::work tx{*connection_};
      see_and_write(tx, workspaces_of(members));
      try {
        auto verdicts = journal_batch{tx, members, keys_, options_.slot}.run();
        tx.commit();
        return verdicts;
      } catch (const pqxx::unique_violation& error) { // most likely a concurrent insert
        throw lost_race{to_failure(error)};
      }
    });
    if (!answer
        && (answer.why().code == errc::unavailable || answer.why().code == errc::unknown_outcome)
        && !alive())
      connection_.reset();
    return answer;
  }

  /// Forgets the session's plans now and then: those made when a table was small name the wrong
  /// index once it has grown, and only statistics, which come minutes later, would undo them.
  void replan_if_due() {
    const auto now = std::chrono::steady_clock::now();
    if (now < replan_at_)
      return;
    pqxx::nontransaction tx{*connection_};
    tx.exec("DISCARD PLANS");
    replan_every_ = std::min(replan_every_ * 2, last_replan);
    replan_at_ = now + replan_every_;
  }

  /// Whether the connection still answers; asked only after a failure.
  bool alive() {
    return connection_ && connection_->is_open() && guarded([&]() -> domain::outcome {
                                                      pqxx::nontransaction tx{*connection_};
                                                      tx.exec("SELECT 1");
                                                      return domain::done{};
                                                    }).has_value();
  }

  std::vector<verdict> commit_or_split(batch_view members, commit_stats& stats) {
    failure why;
    bool raced = false;
    bool reconnected = false;
    for (int attempt = 0; attempt < race_attempts; ++attempt) {
      try {
        auto answer = commit_once(members, stats);
        if (answer)
          return *std::move(answer);
        why = std::move(answer).why();
        raced = false;
        if (why.code == errc::unavailable && connected())
          continue; // deadlock or lock time-out: the same again
        // A connection breaks when its server restarts, which may be up again. What is known not
        // to be committed can be repeated.
        if (why.code == errc::unavailable && !std::exchange(reconnected, true) && connect())
          continue;
        if (why.code != errc::invalid_input && why.code != errc::internal)
          return fail_all(members.size(), why);
        return split(members, why, stats);
      } catch (const lost_race& race) { // a concurrent insert won; the next look-up sees it
        why = race.why;
        raced = true;
      }
    }
    // The smaller, the sooner a batch finds a moment in which nobody races it.
    return raced ? split(members, why, stats) : fail_all(members.size(), why);
  }

  std::vector<verdict> split(batch_view members, const failure& why, commit_stats& stats) {
    if (members.size() == 1)
      return {quarantine(*members.front(), why, stats)};
    const auto middle = members.size() / 2;
    auto verdicts = commit_or_split(members.first(middle), stats);
    auto rest = commit_or_split(members.subspan(middle), stats);
    std::ranges::move(rest, std::back_inserter(verdicts));
    return verdicts;
  }

  /// An id the database takes, still the same for the same delivery and for no other.
  static std::string storable_id(const std::string& id) {
    const auto clean = domain::clean_utf8(id);
    std::string kept{domain::prefix_of(clean, 255, 1000)};
    return kept == id ? kept : kept + '#' + domain::digest_of(id);
  }

  /// The database refuses this Change for good: keep its delivery where operators see it.
  verdict quarantine(const change& poison, const failure& why, commit_stats& stats) {
    verdict failed;
    failed.why = why;
    if (!poison.delivery || poison.delivery->settles || why.code != errc::invalid_input)
      return failed;
    change kept;
    kept.workspace = poison.workspace;
    kept.at = poison.at;
    kept.delivery = poison.delivery;
    kept.delivery->external_id = storable_id(poison.delivery->external_id);
    kept.delivery->content_type = domain::clean_utf8(poison.delivery->content_type);
    kept.delivery->outcome = domain::delivery_outcome::quarantined;
    kept.delivery->error = why.message;
    try {
      const change* const alone = &kept;
      auto answer = commit_once({&alone, 1}, stats);
      if (!answer)
        return failed;
      if (answer->front().what == verdict::kind::committed)
        answer->front().what = verdict::kind::quarantined;
      return answer->front();
    } catch (const lost_race&) {
      return failed;
    }
  }

  journal_writer_options options_;
  const key_ring& keys_;
  std::unique_ptr<pqxx::connection> connection_;
  std::chrono::steady_clock::duration replan_every_{};
  std::chrono::steady_clock::time_point replan_at_;
};

} // namespace

std::unique_ptr<journal_store> make_journal_writer(journal_writer_options options,
                                                   const key_ring& keys) {
  return std::make_unique<journal_writer>(std::move(options), keys);
}

} // namespace hub::storage
