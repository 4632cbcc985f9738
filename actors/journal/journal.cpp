#include "actors/journal/journal.hpp"

#include "actors/failure_bridge.hpp"
#include "actors/journal/writer.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace hub::actors {

namespace {

using phase = journal_state::phase;

constexpr std::chrono::seconds retry_soon{2};

domain::failure database_away() {
  auto why = domain::fail(domain::errc::unavailable, "the database is not reachable right now");
  why.retry_after = retry_soon;
  return why;
}

domain::failure queue_full() {
  auto why = domain::fail(domain::errc::unavailable, "the hub is taking in more than it can store");
  why.retry_after = retry_soon;
  return why;
}

domain::verdict failed(domain::failure why) {
  domain::verdict verdict;
  verdict.why = std::move(why);
  return verdict;
}

bool any_up(const journal_state& state) {
  return std::ranges::any_of(state.writers, [](const auto& w) { return w.now != phase::away; });
}

void count_up(journal_state& state) {
  state.metrics->writers_up = static_cast<int>(
    std::ranges::count_if(state.writers, [](const auto& w) { return w.now != phase::away; }));
}

/// About what a Change takes in memory and on the wire: the texts that customers decide on.
std::size_t weight_of(const domain::change& what) {
  std::size_t bytes = 0;
  if (what.delivery && what.delivery->payload)
    bytes += what.delivery->payload->size();
  if (what.message)
    bytes += what.message->body.size()
             + (what.message->original ? what.message->original->size() : std::size_t{0});
  if (what.opens)
    bytes += what.opens->description.size() + what.opens->metadata.size();
  if (what.updates && what.updates->description)
    bytes += what.updates->description->size();
  return bytes;
}

/// A queue that is empty takes a Change of any size: it would never fit better.
bool is_full(const journal_state& state, std::size_t more) {
  return state.queue.size() >= state.options.queue_limit
         || (!state.queue.empty() && state.queued_bytes + more > state.options.queue_bytes);
}

/// Hands whatever waits to a writer. Waiting for more would only add delay: while a batch commits,
/// the next one gathers by itself.
void hand_over(journal_pointer self, journal_state::writer& writer) {
  auto& state = self->state;
  if (state.queue.empty() || writer.now != phase::ready)
    return;
  auto changes = std::make_shared<std::vector<storage::change_ptr>>();
  changes->reserve(std::min(state.queue.size(), state.options.max_batch));
  std::size_t bytes = 0;
  while (!state.queue.empty() && changes->size() < state.options.max_batch) {
    auto& next = state.queue.front();
    bytes += next.bytes;
    if (bytes > state.options.max_batch_bytes && !changes->empty())
      break;
    state.queued_bytes -= next.bytes;
    changes->push_back(next.what);
    writer.batch.push_back(std::move(next));
    state.queue.pop_front();
  }
  writer.now = phase::writing;
  caf::anon_send(writer.handle, write_batch{std::move(changes)});
}

void hand_out(journal_pointer self) {
  for (auto& writer : self->state.writers)
    hand_over(self, writer);
  self->state.metrics->queued = static_cast<std::int64_t>(self->state.queue.size());
}

/// Counts first: who gets an answer may look at the figures at once.
void fail_queue(journal_state& state) {
  auto given_up = std::exchange(state.queue, {});
  state.queued_bytes = 0;
  state.metrics->failed += given_up.size();
  state.metrics->queued = 0;
  for (auto& waiting : given_up)
    waiting.answer.deliver(failed(database_away()));
}

void note_batch(journal_metrics& metrics, const storage::commit_stats& stats) {
  ++metrics.batches;
  metrics.transactions += stats.transactions;
  metrics.changes += stats.changes;
  const auto bound = std::ranges::lower_bound(batch_bounds, stats.changes);
  ++metrics.batch_sizes[static_cast<std::size_t>(bound - batch_bounds.begin())];
  metrics.commit_time.add(static_cast<std::uint64_t>(
    std::chrono::duration_cast<std::chrono::nanoseconds>(stats.duration).count()));
}

/// Tells the supervisors which due jobs a batch has brought.
void announce_jobs(journal_pointer self,
                   const std::vector<waiting_change>& batch,
                   const std::vector<domain::verdict>& verdicts) {
  auto& state = self->state;
  std::array<std::vector<domain::uuid>, domain::job_kind_count> due;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (verdicts[i].what == domain::verdict::kind::committed)
      for (const auto& job : batch[i].what->jobs)
        if (job.run_at <= batch[i].what->at)
          due[static_cast<std::size_t>(job.kind)].push_back(job.id);
  for (std::size_t kind = 0; kind < due.size(); ++kind)
    if (!due[kind].empty() && state.supervisors[kind])
      self->send(state.supervisors[kind],
                 jobs_committed{static_cast<domain::job_kind>(kind), std::move(due[kind])});
}

void start_writer(journal_pointer self, int slot, std::chrono::milliseconds after = {}) {
  auto& writer = self->state.writers[static_cast<std::size_t>(slot)];
  writer.now = phase::away;
  writer.handle = self->spawn<caf::detached + caf::monitored>(
    writer_behavior, caf::actor_cast<journal_actor>(self), slot, self->state.make, after);
}

/// A writer that died took its batch's outcome with it.
void replace_writer(journal_pointer self, const caf::down_msg& down) {
  auto& state = self->state;
  for (std::size_t slot = 0; slot < state.writers.size(); ++slot) {
    auto& writer = state.writers[slot];
    if (writer.handle.address() != down.source)
      continue;
    ++metrics_registry::instance().kind(writer_state::name).restarts;
    auto lost = std::exchange(writer.batch, {});
    start_writer(self, static_cast<int>(slot), reconnect_after); // it may die at once again
    for (auto& waiting : lost)
      waiting.answer.deliver(failed(
        domain::fail(domain::errc::unknown_outcome, "the writer failed; the outcome is unknown")));
  }
  count_up(state);
  if (!any_up(state))
    fail_queue(state);
}

/// The writers end with their journal, by its word: a detached actor that merely becomes
/// unreachable may keep the stopping system waiting.
void end_with_writers(journal_pointer self, const caf::error& why) {
  for (const auto& writer : self->state.writers)
    self->send_exit(writer.handle, why);
  self->quit(why);
}

} // namespace

journal_actor::behavior_type journal_behavior(journal_pointer self,
                                              journal_options options,
                                              make_store make,
                                              std::shared_ptr<journal_metrics> metrics) {
  auto& state = self->state;
  state.options = options;
  state.make = std::move(make);
  state.metrics = std::move(metrics);
  state.writers.resize(static_cast<std::size_t>(options.writers));
  self->set_error_handler([](caf::error&) {});
  self->set_down_handler([self](caf::down_msg& down) { replace_writer(self, down); });
  self->set_exit_handler([self](caf::exit_msg& end) { end_with_writers(self, end.reason); });
  for (int slot = 0; slot < options.writers; ++slot)
    start_writer(self, slot);
  return {
    [self, &state](const commit_change& command) -> caf::result<domain::verdict> {
      auto answer = self->make_response_promise<domain::verdict>();
      const auto bytes = weight_of(*command.what);
      if (!any_up(state) || is_full(state, bytes)) {
        ++state.metrics->rejected;
        answer.deliver(failed(any_up(state) ? queue_full() : database_away()));
        return answer;
      }
      state.queue.push_back({command.what, bytes, answer});
      state.queued_bytes += bytes;
      hand_out(self);
      return answer;
    },
    [&state](const tell_of_jobs& whom) {
      state.supervisors[static_cast<std::size_t>(whom.kind)] = whom.supervisor;
    },
    [self, &state](const writer_ready& ready) {
      state.writers[static_cast<std::size_t>(ready.slot)].now = phase::ready;
      count_up(state);
      hand_out(self);
    },
    [self, &state](const batch_written& done) {
      auto& writer = state.writers[static_cast<std::size_t>(done.slot)];
      writer.now = done.connected ? phase::ready : phase::away;
      auto batch = std::exchange(writer.batch, {});
      hand_out(self); // the database is the slow part: give it work before answering
      note_batch(*state.metrics, done.stats);
      announce_jobs(self, batch, *done.verdicts);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        auto& verdict = (*done.verdicts)[i];
        if (verdict.what == domain::verdict::kind::failed)
          ++state.metrics->failed;
        batch[i].answer.deliver(std::move(verdict));
      }
      count_up(state);
      if (!any_up(state))
        fail_queue(state);
    },
    [&state](const writer_away& away) {
      state.writers[static_cast<std::size_t>(away.slot)].now = phase::away;
      count_up(state);
      if (!any_up(state))
        fail_queue(state);
    },
  };
}

} // namespace hub::actors
