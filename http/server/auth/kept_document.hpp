#pragma once

#include "domain/result.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace hub::http {

/// How long what was fetched is good.
struct keeping_rules {
  std::chrono::seconds fresh{std::chrono::minutes{10}};
  /// While it cannot be fetched anew, the last one is used so long.
  std::chrono::seconds kept{std::chrono::hours{1}};
  /// It is not fetched more often, whether that worked or not.
  std::chrono::seconds again{10};
  std::size_t most_waiting = 1000;
};

/// A document of a provider's, read once for all who need it. Thread-safe; never waits. Whoever
/// asks is answered at once from what is kept, or when the one fetch under way has ended.
template <class T>
class kept_document {
public:
  using clock = std::chrono::steady_clock;
  using document = std::shared_ptr<const T>;
  using done_function = std::function<void(domain::result<document>)>;
  using fetch_function = std::function<void(std::function<void(domain::result<T>)>)>;

  /// `fetch` must have called back before this is destroyed.
  kept_document(keeping_rules rules, std::function<clock::time_point()> now, fetch_function fetch)
    : rules_{rules}, now_{std::move(now)}, fetch_{std::move(fetch)} {}

  void get(const done_function& done) { get(done, false); }
  /// Whoever misses something in it: fetches it again, unless that was just done.
  void get_anew(const done_function& done) { get(done, true); }

private:
  void get(const done_function& done, bool anew) {
    std::optional<domain::result<document>> answer;
    bool begins = false;
    {
      const std::lock_guard lock{mutex_};
      const auto now = now_();
      const bool just_tried = tried_ && *tried_ + rules_.again > now;
      const bool fresh = held_ && fetched_ + rules_.fresh > now;
      // Nobody waits for what did not come the last time, as long as what is kept will do.
      const bool will_do = !anew && failing_ && held_ && fetched_ + rules_.kept > now;
      if (fetching_ && will_do) {
        answer = held_;
      } else if (fetching_ && (anew || !fresh)) {
        if (waiting_.size() < rules_.most_waiting)
          waiting_.push_back(done);
        else
          answer = away();
      } else if ((fresh && !anew) || just_tried) {
        answer = what_is_kept(now);
      } else {
        begins = true;
        fetching_ = true;
        tried_ = now;
        if (will_do)
          answer = held_;
        else
          waiting_.push_back(done);
      }
    }
    if (answer)
      done(*std::move(answer));
    if (begins)
      fetch_([this](domain::result<T> fetched) { settle(std::move(fetched)); });
  }

  void settle(domain::result<T> fetched) {
    std::vector<done_function> waiting;
    domain::result<document> answer = away();
    {
      const std::lock_guard lock{mutex_};
      fetching_ = false;
      failing_ = !fetched;
      waiting.swap(waiting_);
      const auto now = now_();
      if (fetched) {
        held_ = std::make_shared<const T>(*std::move(fetched));
        fetched_ = now;
      }
      answer = what_is_kept(now);
    }
    for (const auto& done : waiting)
      done(answer);
  }

  domain::result<document> what_is_kept(clock::time_point now) {
    if (held_ && fetched_ + rules_.kept <= now)
      held_.reset();
    if (!held_)
      return away();
    return held_;
  }

  static domain::failure away() {
    return domain::fail(domain::errc::unavailable,
                        "the identity provider does not answer as it should; try again");
  }

  keeping_rules rules_;
  std::function<clock::time_point()> now_;
  fetch_function fetch_;
  std::mutex mutex_;
  document held_;
  clock::time_point fetched_{};
  std::optional<clock::time_point> tried_;
  bool fetching_ = false;
  bool failing_ = false; // the last fetch brought nothing
  std::vector<done_function> waiting_;
};

} // namespace hub::http
