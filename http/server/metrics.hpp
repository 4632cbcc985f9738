#pragma once

#include "domain/change.hpp"
#include "http/client/stats.hpp"
#include "http/server/edge/server.hpp"

#include <functional>
#include <memory>
#include <string>

namespace hub::actors {
struct job_figures;
struct journal_metrics;
struct kind_metrics;
struct limiter_figures;
} // namespace hub::actors

namespace hub::storage {
class read_store;
}

namespace hub::http {

class traffic_control;

/// How many actors of a kind live. Both counts move while they are read, so it is never below zero.
std::uint64_t live_actors(const actors::kind_metrics& figures);

/// Everything /metrics shows. Counting is thread-safe and cheap; figures that others keep (actors,
/// journal, database pool, edge) are read when asked for.
class metrics {
public:
  metrics();
  ~metrics();
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  void count_request(const edge::exchange& what);
  /// One unit of intake, answered.
  void count_intake(domain::channel channel, domain::delivery_outcome outcome, bool duplicate);
  /// A webhook call that was not let in: bad_signature, stale_timestamp, bad_verify_token.
  void count_refused_webhook(domain::channel channel, const char* reason);
  /// An authentic delivery that could not be made durable and was answered 5xx.
  void count_failed_intake(domain::channel channel);

  /// Where the figures of others come from; each may be set once, before the first `text()`.
  struct sources {
    const actors::journal_metrics* journal = nullptr;
    const storage::read_store* reads = nullptr;
    std::function<edge::server_stats()> edge;
    const actors::job_figures* jobs = nullptr;
    const actors::limiter_figures* providers = nullptr;
    std::function<client::stats()> calls;
    const traffic_control* traffic = nullptr;
  };
  void read_also(sources from);

  /// The Prometheus text format.
  [[nodiscard]] std::string text() const;

private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

} // namespace hub::http
