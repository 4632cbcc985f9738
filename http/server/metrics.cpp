#include "http/server/metrics.hpp"

#include "actors/actor_metrics.hpp"
#include "actors/jobs/job_figures.hpp"
#include "actors/journal/journal_metrics.hpp"
#include "actors/limiter/limiter_figures.hpp"
#include "http/server/auth/traffic_control.hpp"
#include "storage/reads/read_store.hpp"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

namespace hub::http {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

const prometheus::Histogram::BucketBoundaries latency_buckets{
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};

constexpr double nanosecond = 1e-9;

/// Metric families put together by hand from figures that others keep.
class gathering {
public:
  void add(const std::string& name,
           const std::string& help,
           MetricType type,
           double value,
           std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family(name, help, type).metric.push_back(std::move(metric));
  }

  template <class Bounds, class Buckets>
  void add_histogram(const std::string& name,
                     const std::string& help,
                     const Bounds& bounds,
                     const Buckets& buckets,
                     double scale,
                     double sum,
                     std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      seen += buckets[i];
      ClientMetric::Bucket bucket;
      bucket.upper_bound = static_cast<double>(bounds[i]) * scale;
      bucket.cumulative_count = seen;
      metric.histogram.bucket.push_back(bucket);
    }
    metric.histogram.sample_count = seen + buckets[bounds.size()];
    metric.histogram.sample_sum = sum;
    family(name, help, MetricType::Histogram).metric.push_back(std::move(metric));
  }

  [[nodiscard]] std::vector<MetricFamily> take() && { return std::move(families_); }

private:
  MetricFamily& family(const std::string& name, const std::string& help, MetricType type) {
    for (auto& known : families_)
      if (known.name == name)
        return known;
    MetricFamily fresh;
    fresh.name = name;
    fresh.help = help;
    fresh.type = type;
    families_.push_back(std::move(fresh));
    return families_.back();
  }

  std::vector<MetricFamily> families_;
};

constexpr auto counter = MetricType::Counter;
constexpr auto gauge = MetricType::Gauge;

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

void gather_actors(gathering& into) {
  actors::metrics_registry::instance().each([&](const std::string& kind, const auto& figures) {
    const std::vector<ClientMetric::Label> labels{{"kind", kind}};
    into.add("hub_actors", "Live actors.", gauge, number(live_actors(figures)), labels);
    into.add("hub_actor_mailbox_messages",
             "Messages waiting in mailboxes.",
             gauge,
             static_cast<double>(figures.waiting),
             labels);
    into.add(
      "hub_actor_messages_total", "Messages handled.", counter, number(figures.handled), labels);
    into.add("hub_actor_failures_total",
             "Actors ended by an error.",
             counter,
             number(figures.failed),
             labels);
    into.add("hub_actor_restarts_total",
             "Actors started again after a failure.",
             counter,
             number(figures.restarts),
             labels);
    const auto times = figures.handling.read();
    into.add_histogram("hub_actor_handling_duration_seconds",
                       "Time to handle one message.",
                       actors::time_bounds_ns,
                       times.buckets,
                       nanosecond,
                       number(times.sum_ns) * nanosecond,
                       labels);
  });
}

void gather_journal(gathering& into, const actors::journal_metrics& journal) {
  into.add("hub_journal_changes_total",
           "Changes handed to the database.",
           counter,
           number(journal.changes));
  into.add(
    "hub_journal_transactions_total", "Transactions run.", counter, number(journal.transactions));
  into.add("hub_journal_failed_total",
           "Changes answered with a failure.",
           counter,
           number(journal.failed));
  into.add("hub_journal_rejected_total",
           "Changes refused before queueing.",
           counter,
           number(journal.rejected));
  into.add("hub_journal_queue_changes",
           "Changes waiting for a writer.",
           gauge,
           static_cast<double>(journal.queued));
  into.add("hub_journal_writers_up", "Writers with a connection.", gauge, journal.writers_up);
  std::array<std::uint64_t, actors::batch_bounds.size() + 1> sizes{};
  for (std::size_t i = 0; i < sizes.size(); ++i)
    sizes[i] = journal.batch_sizes[i];
  into.add_histogram("hub_journal_batch_changes",
                     "Changes in one batch.",
                     actors::batch_bounds,
                     sizes,
                     1,
                     number(journal.changes));
  const auto times = journal.commit_time.read();
  into.add_histogram("hub_journal_commit_duration_seconds",
                     "From hand-over of a batch to its commit.",
                     actors::time_bounds_ns,
                     times.buckets,
                     nanosecond,
                     number(times.sum_ns) * nanosecond);
}

void gather_pool(gathering& into, const storage::read_store& reads) {
  const auto pool = reads.stats();
  into.add("hub_database_connections", "Open read connections.", gauge, pool.connections);
  into.add("hub_database_connections_busy", "Read connections at work.", gauge, pool.busy);
  into.add("hub_database_waiting", "Reads waiting for a connection.", gauge, number(pool.waiting));
  into.add("hub_database_queries_total", "Reads run.", counter, number(pool.queries));
  into.add(
    "hub_database_failures_total", "Reads without a connection.", counter, number(pool.failures));
  into.add(
    "hub_database_rejected_total", "Reads refused: queue full.", counter, number(pool.rejected));
}

void gather_edge(gathering& into, const edge::server_stats& stats) {
  into.add("hub_http_connections_accepted_total",
           "Connections accepted.",
           counter,
           number(stats.accepted));
  into.add("hub_http_connections", "Connections open.", gauge, number(stats.open_connections));
  into.add(
    "hub_http_requests_active", "Requests being handled.", gauge, number(stats.active_requests));
  into.add("hub_http_rejected_total",
           "Protocol errors answered by the edge.",
           counter,
           number(stats.rejected));
  into.add("hub_http_handler_timeouts_total",
           "Requests answered 504.",
           counter,
           number(stats.handler_timeouts));
  into.add("hub_http_cut_off_total",
           "Clients closed for being slow or greedy.",
           counter,
           number(stats.cut_off));
  into.add("hub_http_stale_replies_total",
           "Answers whose client had gone.",
           counter,
           number(stats.stale_replies));
  into.add("hub_http_accept_pauses_total",
           "Times a limit paused accepting.",
           counter,
           number(stats.accept_pauses));
  into.add("hub_http_exceptions_total",
           "Exceptions caught at the edge; each is a bug.",
           counter,
           number(stats.exceptions));
}

void gather_jobs(gathering& into, const actors::job_figures& jobs) {
  for (const auto& rules : domain::all_job_rules()) {
    const auto& of = jobs.of(rules.kind);
    const std::vector<ClientMetric::Label> labels{{"job_class", std::string{rules.job_class}}};
    const auto count = [&](const char* name, const char* help, std::uint64_t value) {
      into.add(name, help, counter, number(value), labels);
    };
    const auto show = [&](const char* name, const char* help, std::int64_t value) {
      into.add(name, help, gauge, static_cast<double>(value), labels);
    };
    show("hub_jobs_due", "Jobs that could run now; counted to 10000.", of.due);
    show("hub_jobs_delayed", "Jobs that wait for their time; counted to 10000.", of.delayed);
    show("hub_jobs_retrying", "Waiting jobs that have failed before.", of.retrying);
    show("hub_jobs_running", "Attempts under way on this node.", of.running);
    show("hub_jobs_dead", "Dead letters nobody has dealt with.", of.dead);
    into.add("hub_jobs_oldest_due_seconds",
             "How long the oldest due job has waited.",
             gauge,
             static_cast<double>(of.oldest_due_ms) / 1000.0,
             labels);
    show("hub_jobs_paused",
         "1 while operators keep this kind from running.",
         of.state.load() == domain::job_kind_state::running ? 0 : 1);
    count("hub_jobs_enqueued_total", "Jobs committed by this node.", of.announced);
    count("hub_jobs_started_total", "Attempts begun.", of.started);
    count("hub_jobs_finished_total", "Jobs done.", of.finished);
    count("hub_jobs_retried_total", "Attempts that failed and are made again.", of.retried);
    count("hub_jobs_held_back_total", "Attempts put off by a limit.", of.held_back);
    count("hub_jobs_buried_total", "Jobs that became dead letters.", of.buried);
    const auto add_times = [&](const char* name, const char* help, const auto& histogram) {
      const auto times = histogram.read();
      into.add_histogram(name,
                         help,
                         actors::time_bounds_ns,
                         times.buckets,
                         nanosecond,
                         number(times.sum_ns) * nanosecond,
                         labels);
    };
    add_times("hub_job_start_delay_seconds",
              "From when a job was due to when its attempt began.",
              of.start_delay);
    add_times("hub_job_duration_seconds", "How long attempts take.", of.run_time);
  }
  into.add("hub_jobs_quarantined_total",
           "Jobs that took their process down too often.",
           counter,
           number(jobs.quarantined));
}

void gather_providers(gathering& into, const actors::limiter_figures& providers) {
  using breaker = domain::circuit_breaker::state;
  for (const auto which : domain::all_providers) {
    const auto& of = providers.of(which);
    const std::vector<ClientMetric::Label> labels{{"provider", std::string{to_string(which)}}};
    const auto count = [&](const char* name, const char* help, std::uint64_t value) {
      into.add(name, help, counter, number(value), labels);
    };
    const auto show = [&](const char* name, const char* help, double value) {
      into.add(name, help, gauge, value, labels);
    };
    count("hub_limiter_admitted_total", "Calls let through.", of.admitted);
    count("hub_limiter_refused_total", "Calls told to come back.", of.refused);
    count("hub_limiter_throttled_total", "Calls the provider found too many.", of.throttled);
    count("hub_limiter_failed_total", "Calls that count against the breaker.", of.failed);
    show("hub_limiter_waiting", "Calls waiting for leave.", static_cast<double>(of.waiting));
    show("hub_limiter_under_way", "Calls under way.", static_cast<double>(of.under_way));
    show("hub_limiter_tokens", "Calls that could go at once.", static_cast<double>(of.tokens));
    show("hub_limiter_paused_seconds",
         "How long the provider wants to be left alone.",
         static_cast<double>(of.paused_ms) / 1000.0);
    show("hub_breaker_open",
         "1 while a provider counts as down, 0.5 while it is tried again.",
         of.breaker.load() == breaker::closed ? 0
         : of.breaker.load() == breaker::open ? 1
                                              : 0.5);
  }
}

void gather_calls(gathering& into, const client::stats& calls) {
  into.add("hub_provider_calls_active", "Calls under way.", gauge, number(calls.in_flight));
  into.add("hub_provider_calls_waiting", "Calls without a slot.", gauge, number(calls.waiting));
  into.add("hub_provider_connections_opened_total",
           "Connections made to providers.",
           counter,
           number(calls.connections_opened));
  into.add("hub_provider_connections_reused_total",
           "Calls that found a connection open.",
           counter,
           number(calls.connections_reused));
  for (const auto& of : calls.calls)
    into.add_histogram("hub_provider_call_duration_seconds",
                       "Calls to providers by how they ended.",
                       client::duration_bounds_us,
                       of.buckets,
                       1e-6,
                       number(of.sum_us) * 1e-6,
                       {{"provider", of.provider}, {"outcome", of.outcome}});
}

void gather_traffic(gathering& into, const traffic_control& traffic) {
  for (std::size_t i = 0; i < traffic_scope_count; ++i) {
    const auto scope = static_cast<traffic_scope>(i);
    into.add("hub_http_limited_total",
             "Calls and streams refused because there were too many.",
             counter,
             number(traffic.refused(scope)),
             {{"by", std::string{to_string(scope)}}});
  }
}

/// What every Prometheus client calls these; read from /proc, so absent elsewhere.
void gather_process(gathering& into) {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  if (statm >> pages >> resident)
    into.add("process_resident_memory_bytes",
             "Resident memory.",
             gauge,
             number(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0)
    into.add("process_cpu_seconds_total",
             "Processor time, user and system.",
             counter,
             static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
               + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6);
  std::error_code trouble;
  const std::filesystem::directory_iterator descriptors{"/proc/self/fd", trouble};
  if (!trouble)
    into.add("process_open_fds",
             "Open descriptors.",
             gauge,
             static_cast<double>(std::distance(begin(descriptors), end(descriptors))));
}

} // namespace

class metrics::implementation {
public:
  implementation() {
    // The ledger's series exist from the start: a rate over a series that appears is wrong.
    for (const auto channel : domain::all_channels)
      for (const auto outcome : domain::all_delivery_outcomes)
        intake_.Add({{"channel", std::string{to_string(channel)}},
                     {"outcome", std::string{to_string(outcome)}}});
  }

  void count_request(const edge::exchange& what) {
    const auto route = what.route.empty() ? std::string{"none"} : std::string{what.route};
    requests_
      .Add({{"method", std::string{what.method}},
            {"route", route},
            {"status", std::to_string(what.status)}})
      .Increment();
    durations_.Add({{"route", route}}, latency_buckets)
      .Observe(std::chrono::duration<double>(what.duration).count());
  }

  void count_intake(domain::channel channel, domain::delivery_outcome outcome, bool duplicate) {
    const auto counted = duplicate ? domain::delivery_outcome::duplicate : outcome;
    intake_
      .Add({{"channel", std::string{to_string(channel)}},
            {"outcome", std::string{to_string(counted)}}})
      .Increment();
  }

  void count_refused(domain::channel channel, const char* reason) {
    refused_.Add({{"channel", std::string{to_string(channel)}}, {"reason", reason}}).Increment();
  }

  void count_failed(domain::channel channel) {
    failed_.Add({{"channel", std::string{to_string(channel)}}}).Increment();
  }

  void read_also(sources from) { sources_ = std::move(from); }

  [[nodiscard]] std::string text() const {
    gathering others;
    gather_actors(others);
    gather_process(others);
    if (sources_.journal != nullptr)
      gather_journal(others, *sources_.journal);
    if (sources_.reads != nullptr)
      gather_pool(others, *sources_.reads);
    if (sources_.edge)
      gather_edge(others, sources_.edge());
    if (sources_.jobs != nullptr)
      gather_jobs(others, *sources_.jobs);
    if (sources_.providers != nullptr)
      gather_providers(others, *sources_.providers);
    if (sources_.calls)
      gather_calls(others, sources_.calls());
    if (sources_.traffic != nullptr)
      gather_traffic(others, *sources_.traffic);
    auto families = registry_.Collect();
    for (auto& family : std::move(others).take())
      families.push_back(std::move(family));
    return prometheus::TextSerializer{}.Serialize(families);
  }

private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_ = prometheus::BuildCounter()
                                                         .Name("hub_http_requests_total")
                                                         .Help("Requests answered.")
                                                         .Register(registry_);
  prometheus::Family<prometheus::Histogram>& durations_ =
    prometheus::BuildHistogram()
      .Name("hub_http_request_duration_seconds")
      .Help("From the first byte of a request to its answer.")
      .Register(registry_);
  prometheus::Family<prometheus::Counter>& intake_ = prometheus::BuildCounter()
                                                       .Name("hub_intake_total")
                                                       .Help("Deliveries by what became of them.")
                                                       .Register(registry_);
  prometheus::Family<prometheus::Counter>& refused_ =
    prometheus::BuildCounter()
      .Name("hub_webhooks_refused_total")
      .Help("Webhook calls that were not authentic.")
      .Register(registry_);
  prometheus::Family<prometheus::Counter>& failed_ =
    prometheus::BuildCounter()
      .Name("hub_intake_failed_total")
      .Help("Authentic deliveries that could not be made durable; their provider sends them again.")
      .Register(registry_);
  sources sources_;
};

std::uint64_t live_actors(const actors::kind_metrics& figures) {
  const auto ended = figures.ended.load();
  return std::max(figures.spawned.load(), ended) - ended;
}

metrics::metrics() : implementation_{std::make_unique<implementation>()} {}

metrics::~metrics() = default;

void metrics::count_request(const edge::exchange& what) {
  implementation_->count_request(what);
}

void metrics::count_intake(domain::channel channel,
                           domain::delivery_outcome outcome,
                           bool duplicate) {
  implementation_->count_intake(channel, outcome, duplicate);
}

void metrics::count_refused_webhook(domain::channel channel, const char* reason) {
  implementation_->count_refused(channel, reason);
}

void metrics::count_failed_intake(domain::channel channel) {
  implementation_->count_failed(channel);
}

void metrics::read_also(sources from) {
  implementation_->read_also(std::move(from));
}

std::string metrics::text() const {
  return implementation_->text();
}

} // namespace hub::http
