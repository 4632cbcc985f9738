#include "http/client/engine.hpp"

#include "config/log.hpp"
#include "http/client/counters.hpp"
#include "http/client/request_check.hpp"
#include "http/client/transfer.hpp"

#include <curl/curl.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <utility>

namespace hub::http::client {

namespace {

using domain::errc;
using domain::fail;
using steady = std::chrono::steady_clock;

constexpr auto longest_sleep = std::chrono::milliseconds{10'000};

/// Signals are the main thread's business; SIGPIPE must not end the hub when a provider hangs up.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::string bytes_of(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in)
    throw std::runtime_error("the certificates in " + file + " cannot be read");
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// The system's certificates and those in `extra`, since libcurl takes one or the other.
std::string trusted_with(const std::string& extra) {
  if (extra.empty())
    return {};
  const auto* system = curl_version_info(CURLVERSION_NOW)->cainfo;
  return (system == nullptr ? std::string{} : bytes_of(system) + "\n") + bytes_of(extra);
}

/// Puts what the engine allows where a call does not say.
void allow(const engine_options& how, call& what) {
  if (what.within == what.within.zero())
    what.within = how.within;
  if (what.connect_within == what.connect_within.zero())
    what.connect_within = how.connect_within;
  if (what.max_response == 0)
    what.max_response = how.max_response;
}

void allow(const engine_options& how, mail& what) {
  if (what.within == what.within.zero())
    what.within = how.mail_within;
  if (what.connect_within == what.connect_within.zero())
    what.connect_within = how.connect_within;
}

void log_call(const transfer& work,
              std::string_view outcome,
              const domain::result<reply>& ended,
              std::chrono::microseconds took) {
  const auto level = ended ? config::log_level::info : config::log_level::warn;
  if (!config::logs(level))
    return;
  config::log(level,
              "provider_call",
              {{"provider", work.provider()},
               {"operation", work.operation()},
               {"outcome", outcome},
               {"status", std::int64_t{ended ? ended->status : 0}},
               {"ms", static_cast<double>(took.count()) / 1000},
               {"why", std::string_view{ended ? std::string_view{} : ended.why().message}}});
}

} // namespace

class engine::core {
public:
  /// The first id is one more than `ids_after`.
  core(const engine_options& how, std::shared_ptr<counters> counted, call_id ids_after);
  ~core();
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  call_id admit(request what, done_function done);
  void cancel(call_id which);
  void add_to(stats& figures) const;
  void run();
  void stop();
  /// Answers the calls that came after `run` ended; false when there were none.
  bool answer_late();

private:
  /// A call that has not ended.
  struct entry {
    entry(request what, done_function answer) : work{std::move(what)}, done{std::move(answer)} {}

    transfer work;
    done_function done;
    std::string host;
    steady::time_point deadline;
    bool running = false;
    std::optional<domain::failure> refused; // on admission
  };
  using entry_ptr = std::unique_ptr<entry>;
  /// The calls to one server.
  struct lane {
    std::size_t in_flight = 0;
    std::set<call_id> waiting;
  };

  bool take_in();
  void queue(call_id id, entry_ptr fresh);
  void start_waiting();
  bool start_next(lane& from);
  bool start(call_id id, entry& what);
  void reap();
  void expire();
  void end_early(call_id id, std::string_view why);
  void end_all();
  std::chrono::milliseconds until_next_deadline() const;
  entry_ptr release(call_id id);
  void end(call_id id, domain::result<reply> with);
  void deliver(entry& ended, domain::result<reply> with);
  void tell(const entry& ended, const domain::result<reply>& with);

  const engine_options how_;
  transfer_settings settings_;
  CURLM* multi_ = nullptr;
  const std::shared_ptr<counters> counters_;
  std::atomic<call_id> last_id_;
  std::atomic<std::size_t> in_flight_{0};
  std::atomic<std::size_t> waiting_{0};

  std::atomic<bool> stopping_{false};

  std::mutex mutex_; // guards the next two, and each change of stopping_
  std::vector<std::pair<call_id, entry_ptr>> arrived_;
  std::vector<call_id> cancelled_;

  // From here on: the engine's thread only.
  std::unordered_map<call_id, entry_ptr> entries_;
  std::unordered_map<CURL*, call_id> running_;
  std::map<std::string, lane> lanes_;
  std::string last_served_; // the lane that started a call last
  std::set<std::pair<steady::time_point, call_id>> deadlines_;
};

engine::core::core(const engine_options& how, std::shared_ptr<counters> counted, call_id ids_after)
  : how_{how}, counters_{std::move(counted)}, last_id_{ids_after} {
  static const auto started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK)
    throw std::runtime_error("libcurl could not be started");
  settings_.user_agent = how_.user_agent;
  settings_.stopping = &stopping_;
  settings_.trusted = trusted_with(how_.extra_ca_file);
  for (const auto& known : how_.resolve)
    settings_.resolve = curl_slist_append(settings_.resolve, known.c_str());
  multi_ = curl_multi_init();
  if (multi_ == nullptr)
    throw std::runtime_error("libcurl has no room for an engine");
  // libcurl's own choice shrinks with the number of calls under way, and closes what it kept.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(2 * how_.max_in_flight));
}

engine::core::~core() {
  curl_multi_cleanup(multi_);
  curl_slist_free_all(settings_.resolve);
}

call_id engine::core::admit(request what, done_function done) {
  std::visit([this](auto& sent) { allow(how_, sent); }, what);
  const auto id = ++last_id_;
  const auto now = steady::now();
  auto server = std::visit([](const auto& sent) { return check(sent); }, what);
  const auto within = std::visit([](const auto& sent) { return sent.within; }, what);
  auto fresh = std::make_unique<entry>(std::move(what), std::move(done));
  fresh->deadline = now + within;
  if (server)
    fresh->host = std::move(*server);
  else
    fresh->refused = std::move(server).why();
  {
    const std::lock_guard lock{mutex_};
    if (!fresh->refused && (stopping_ || waiting_ >= how_.max_waiting))
      fresh->refused = fail(errc::unavailable,
                            stopping_ ? "the hub is stopping; nothing was sent"
                                      : "too many calls are waiting; nothing was sent");
    if (!fresh->refused)
      ++waiting_;
    arrived_.emplace_back(id, std::move(fresh));
  }
  curl_multi_wakeup(multi_);
  return id;
}

void engine::core::cancel(call_id which) {
  {
    const std::lock_guard lock{mutex_};
    cancelled_.push_back(which);
  }
  curl_multi_wakeup(multi_);
}

void engine::core::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  curl_multi_wakeup(multi_);
}

void engine::core::add_to(stats& figures) const {
  figures.in_flight += in_flight_;
  figures.waiting += waiting_;
}

void engine::core::run() {
  block_signals();
  while (take_in()) {
    start_waiting();
    int active = 0;
    curl_multi_perform(multi_, &active);
    reap();
    expire();
    start_waiting();
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(until_next_deadline().count()), nullptr);
  }
  end_all();
}

/// Takes what other threads, and callbacks, have left; false once the engine is to stop.
bool engine::core::take_in() {
  std::vector<std::pair<call_id, entry_ptr>> arrived;
  std::vector<call_id> cancelled;
  bool stopping = false;
  {
    const std::lock_guard lock{mutex_};
    arrived.swap(arrived_);
    cancelled.swap(cancelled_);
    stopping = stopping_;
  }
  for (auto& [id, fresh] : arrived)
    queue(id, std::move(fresh));
  for (const auto id : cancelled)
    end_early(id, "the call was cancelled");
  return !stopping;
}

void engine::core::queue(call_id id, entry_ptr fresh) {
  if (fresh->refused) {
    deliver(*fresh, *std::exchange(fresh->refused, std::nullopt));
    return;
  }
  lanes_[fresh->host].waiting.insert(id);
  deadlines_.emplace(fresh->deadline, id);
  entries_.emplace(id, std::move(fresh));
}

/// Fills free slots, one call a server in turn: a slow provider must not starve the others.
void engine::core::start_waiting() {
  for (std::size_t idle = 0; idle < lanes_.size() && in_flight_ < how_.max_in_flight;) {
    auto next = lanes_.upper_bound(last_served_);
    if (next == lanes_.end())
      next = lanes_.begin();
    last_served_ = next->first;
    const bool started = start_next(next->second);
    if (next->second.waiting.empty() && next->second.in_flight == 0)
      lanes_.erase(next);
    else
      idle = started ? 0 : idle + 1;
  }
}

bool engine::core::start_next(lane& from) {
  if (from.waiting.empty() || from.in_flight >= how_.max_in_flight_per_host)
    return false;
  const auto id = *from.waiting.begin();
  auto& what = *entries_.at(id);
  from.waiting.erase(from.waiting.begin());
  ++from.in_flight;
  what.running = true;
  --waiting_;
  ++in_flight_;
  return start(id, what);
}

bool engine::core::start(call_id id, entry& what) {
  const auto left =
    std::chrono::duration_cast<std::chrono::milliseconds>(what.deadline - steady::now());
  auto ready = left.count() > 0 ? what.work.prepare(settings_, left)
                                : fail(errc::unavailable, "no slot in time; nothing was sent");
  if (ready && curl_multi_add_handle(multi_, what.work.handle()) != CURLM_OK)
    ready = fail(errc::unavailable, "libcurl takes no more calls; nothing was sent");
  if (!ready) {
    end(id, std::move(ready).why());
    return true;
  }
  running_.emplace(what.work.handle(), id);
  // libcurl keeps the deadline from now on.
  deadlines_.erase({what.deadline, id});
  return true;
}

void engine::core::reap() {
  int left = 0;
  while (const auto* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE)
      continue;
    const auto verdict = message->data.result; // the message dies with the handle's removal
    const auto id = running_.at(message->easy_handle);
    end(id, entries_.at(id)->work.finish(verdict));
  }
}

void engine::core::expire() {
  const auto now = steady::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    end_early(deadlines_.begin()->second, "no slot was free in time");
}

void engine::core::end_early(call_id id, std::string_view why) {
  const auto at = entries_.find(id);
  if (at == entries_.end())
    return;
  if (at->second->running)
    at->second->work.hang_up();
  end(id, at->second->work.lost(why));
}

void engine::core::end_all() {
  while (!entries_.empty())
    end_early(entries_.begin()->first, "the hub is stopping");
  while (answer_late()) {
  }
}

/// Callbacks may send while the engine ends; those calls are refused, and hear of it here.
bool engine::core::answer_late() {
  {
    const std::lock_guard lock{mutex_};
    if (arrived_.empty())
      return false;
  }
  take_in();
  return true;
}

std::chrono::milliseconds engine::core::until_next_deadline() const {
  if (deadlines_.empty())
    return longest_sleep;
  const auto left =
    std::chrono::ceil<std::chrono::milliseconds>(deadlines_.begin()->first - steady::now());
  return std::clamp(left, std::chrono::milliseconds{0}, longest_sleep);
}

/// Takes the call off every list, and its slot or place in the queue with it.
engine::core::entry_ptr engine::core::release(call_id id) {
  const auto at = entries_.find(id);
  auto freed = std::move(at->second);
  entries_.erase(at);
  deadlines_.erase({freed->deadline, id});
  const auto from = lanes_.find(freed->host);
  if (freed->running) {
    --from->second.in_flight;
    --in_flight_;
    if (running_.erase(freed->work.handle()) > 0)
      curl_multi_remove_handle(multi_, freed->work.handle());
  } else {
    from->second.waiting.erase(id);
    --waiting_;
  }
  return freed;
}

void engine::core::end(call_id id, domain::result<reply> with) {
  const auto ended = release(id);
  deliver(*ended, std::move(with));
}

void engine::core::deliver(entry& ended, domain::result<reply> with) {
  try {
    tell(ended, with);
    if (ended.done)
      ended.done(std::move(with));
  } catch (const std::exception& thrown) {
    config::log(config::log_level::error,
                "provider_callback_failed",
                {{"provider", ended.work.provider()},
                 {"operation", ended.work.operation()},
                 {"why", std::string_view{thrown.what()}}});
  } catch (...) {
    config::log(config::log_level::error,
                "provider_callback_failed",
                {{"provider", ended.work.provider()}, {"operation", ended.work.operation()}});
  }
}

void engine::core::tell(const entry& ended, const domain::result<reply>& with) {
  const auto outcome = outcome_of(with);
  const auto took = ended.work.took();
  const auto opened = ended.work.connections_opened();
  counters_->count(ended.work.provider(), outcome, took);
  counters_->count_connections(opened, ended.work.may_have_left() && opened == 0);
  log_call(ended.work, outcome, with, took);
  if (how_.observe)
    how_.observe({ended.work.provider(), ended.work.operation(), outcome, took});
}

/// The threads that send mail. libcurl waits in place for a mail server's verdict, so whatever is
/// on its thread waits with it: a server's mails share a line, which no other server's join while
/// there is a free one.
class engine::mail_lines : public std::enable_shared_from_this<mail_lines> {
public:
  mail_lines(const engine_options& how, std::shared_ptr<counters> counted);

  call_id admit(mail what, done_function done);
  void cancel(call_id which);
  void add_to(stats& figures) const;
  /// Begins the end, and hands out what has to be waited for.
  std::vector<std::pair<std::shared_ptr<core>, std::thread>> stop();

  /// Ids of mails are larger; each line's lie apart.
  static constexpr call_id first_id = call_id{1} << 62U;

private:
  struct line {
    std::shared_ptr<engine::core> core;
    std::thread thread;
    std::size_t hosts = 0; // with mails that have not ended
  };
  struct host {
    std::size_t line = 0;
    std::size_t mails = 0; // that have not ended
  };

  static constexpr unsigned ids_of_a_line = 40; // bits

  std::shared_ptr<core> line_for(const std::string& server);
  std::size_t free_line();
  bool open_line();
  void left(const std::string& server);

  const engine_options how_;
  const std::shared_ptr<counters> counters_;
  mutable std::mutex mutex_; // guards the rest
  std::vector<line> lines_;  // never fewer
  std::map<std::string, host> hosts_;
  bool stopping_ = false;
};

engine::mail_lines::mail_lines(const engine_options& how, std::shared_ptr<counters> counted)
  : how_{how}, counters_{std::move(counted)} {
  if (!open_line())
    throw std::runtime_error("the engine's mail cannot be started");
}

/// A thread costs little while it has nothing to do, so lines stay.
bool engine::mail_lines::open_line() {
  try {
    line fresh;
    const auto ids_after = first_id + (call_id{lines_.size()} << ids_of_a_line);
    fresh.core = std::make_shared<core>(how_, counters_, ids_after);
    lines_.reserve(lines_.size() + 1);
    fresh.thread = std::thread{[held = fresh.core] { held->run(); }};
    lines_.push_back(std::move(fresh));
    return true;
  } catch (const std::exception& thrown) {
    config::log(config::log_level::error, "mail_line_failed", {{"why", thrown.what()}});
    return false;
  }
}

std::size_t engine::mail_lines::free_line() {
  const auto least = std::ranges::min_element(lines_, {}, &line::hosts);
  const bool room = !stopping_ && lines_.size() < how_.max_mail_hosts;
  if (least->hosts > 0 && room && open_line())
    return lines_.size() - 1;
  // Opening may have moved the lines.
  return static_cast<std::size_t>(std::ranges::min_element(lines_, {}, &line::hosts)
                                  - lines_.begin());
}

std::shared_ptr<engine::core> engine::mail_lines::line_for(const std::string& server) {
  const std::lock_guard lock{mutex_};
  auto known = hosts_.find(server);
  if (known == hosts_.end()) {
    known = hosts_.emplace(server, host{free_line()}).first;
    ++lines_[known->second.line].hosts;
  }
  ++known->second.mails;
  return lines_[known->second.line].core;
}

void engine::mail_lines::left(const std::string& server) {
  const std::lock_guard lock{mutex_};
  const auto known = hosts_.find(server);
  if (--known->second.mails > 0)
    return;
  --lines_[known->second.line].hosts;
  hosts_.erase(known);
}

call_id engine::mail_lines::admit(mail what, done_function done) {
  auto known = check(what);
  const auto server = known ? *std::move(known) : std::string{}; // else it is refused there
  const auto by = line_for(server);
  return by->admit(
    std::move(what),
    [self = shared_from_this(), server, done = std::move(done)](domain::result<reply> ended) {
      self->left(server);
      if (done)
        done(std::move(ended));
    });
}

void engine::mail_lines::cancel(call_id which) {
  const auto at = static_cast<std::size_t>((which - first_id) >> ids_of_a_line);
  std::shared_ptr<core> by;
  {
    const std::lock_guard lock{mutex_};
    if (at < lines_.size())
      by = lines_[at].core;
  }
  if (by)
    by->cancel(which);
}

void engine::mail_lines::add_to(stats& figures) const {
  const std::lock_guard lock{mutex_};
  for (const auto& each : lines_)
    each.core->add_to(figures);
}

std::vector<std::pair<std::shared_ptr<engine::core>, std::thread>> engine::mail_lines::stop() {
  std::vector<std::pair<std::shared_ptr<core>, std::thread>> running;
  const std::lock_guard lock{mutex_};
  stopping_ = true;
  for (auto& each : lines_) {
    each.core->stop();
    running.emplace_back(each.core, std::move(each.thread));
  }
  return running;
}

// The threads share the cores, since a `done` that destroys the engine must not pull them away.
engine::engine(const engine_options& how) : counters_{std::make_shared<counters>()} {
  calls_ = std::make_shared<core>(how, counters_, 0);
  mails_ = std::make_shared<mail_lines>(how, counters_);
  calls_thread_ = std::thread{[held = calls_] { held->run(); }};
}

engine::~engine() {
  calls_->stop();
  auto running = mails_->stop();
  running.emplace_back(calls_, std::move(calls_thread_));
  std::erase_if(running, [](auto& each) {
    auto& thread = each.second;
    const bool own = thread.get_id() == std::this_thread::get_id();
    own ? thread.detach() : thread.join();
    return own;
  });
  // What a callback of one thread has sent to another after that one ended.
  while (std::ranges::any_of(running, [](const auto& each) { return each.first->answer_late(); })) {
  }
}

call_id engine::send(call what, done_function done) {
  return calls_->admit(std::move(what), std::move(done));
}

call_id engine::send(mail what, done_function done) {
  return mails_->admit(std::move(what), std::move(done));
}

void engine::cancel(call_id which) {
  if (which < mail_lines::first_id)
    calls_->cancel(which);
  else
    mails_->cancel(which);
}

stats engine::figures() const {
  stats figures;
  calls_->add_to(figures);
  mails_->add_to(figures);
  counters_->add_to(figures);
  return figures;
}

} // namespace hub::http::client
