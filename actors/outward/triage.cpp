#include "actors/outward/triage.hpp"

#include "actors/failure_bridge.hpp"
#include "domain/json_reading.hpp"
#include "domain/local_model.hpp"
#include "domain/triage.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

namespace hub::actors {

namespace {

using domain::errc;
using domain::fail;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Enough for the schema and for what a model thinks before it answers.
constexpr int most_tokens = 4'000;
// Of an attempt's time, what reading and committing may take.
constexpr seconds kept_back{10};
// The asker answers within a second of what it was given.
constexpr seconds answer_slack{5};

struct triage_tools {
  model_asker_actor asker;
  storage::release_reads& reads;
  triage_options options;
};

/// Half of what an attempt has: a wrong answer is asked for again.
milliseconds time_to_ask(const triage_options& options) {
  const auto half = (options.within - milliseconds{kept_back}) / 2;
  return std::clamp<milliseconds>(half, seconds{1}, ask_within);
}

/// The change that keeps the suggestion.
std::shared_ptr<const domain::change> suggesting(const attempt& one, domain::triage_record made) {
  const auto now = one.around().now();
  domain::uuid_generator ids{one.around().seed()};
  domain::change what;
  what.workspace = one.job().workspace;
  what.at = now;
  domain::event_record event;
  event.id = ids.next(now);
  event.ticket_id = made.ticket;
  event.type = "ai_triaged";
  event.actor_type = "ai";
  // Never what was said.
  event.data =
    domain::write_json({{"type", to_string(made.suggested->type)},
                        {"priority", made.suggested->urgency},
                        {"confidence", std::round(made.suggested->confidence * 1000) / 1000},
                        {"model", made.by.model}});
  what.events.push_back(std::move(event));
  what.triage = std::move(made);
  return std::make_shared<const domain::change>(std::move(what));
}

/// One attempt to triage one ticket; copies are the same.
struct triage_errand {
  attempt one;
  std::shared_ptr<const triage_tools> tools;
  domain::uuid ticket;

  void begin() const {
    tools->reads.writing_context_of(
      one.job().workspace,
      ticket,
      [*this, home = one.way_home()](const domain::result<storage::writing_context>& about) {
        home([*this, about] { about ? triage(*about) : one.fail(about.why()); });
      });
  }

  void triage(const storage::writing_context& about) const {
    const auto choice = tools->options.choice(one.job().workspace);
    if (choice.triage == domain::triage_mode::off)
      return one.succeed(); // switched off since it was asked for
    const domain::privacy_rules rules{about.names, tools->options.own(one.job().workspace)};
    if (choice.local)
      return by_rules(about, rules);
    ask_model question;
    question.what.workspace = one.job().workspace;
    question.what.model = choice.triage_model;
    question.what.what = domain::triage_prompt(about.title, about.description, rules);
    question.what.schema = domain::triage_schema();
    question.what.schema_name = domain::triage_schema_name;
    question.what.max_tokens = most_tokens;
    question.cooling_until = about.cooling_until;
    question.within = time_to_ask(tools->options);
    ask(question, rules, {}, true);
  }

  void by_rules(const storage::writing_context& about, const domain::privacy_rules& rules) const {
    domain::triage_record made;
    made.ticket = ticket;
    made.suggested =
      domain::local_triage(redacted(about.title, rules), redacted(about.description, rules));
    made.by.model = domain::local_model_name;
    one.succeed(suggesting(one, std::move(made)));
  }

  /// `used`: what earlier questions of this attempt took.
  void ask(const ask_model& question,
           const domain::privacy_rules& rules,
           const domain::model_use& used,
           bool once_more) const {
    one.self()
      ->request(tools->asker, question.within + answer_slack, question)
      .then(
        [=, *this](const model_answer& answer) {
          const domain::model_use use{answer.model,
                                      used.prompt_tokens + answer.prompt_tokens,
                                      used.completion_tokens + answer.completion_tokens,
                                      used.latency + answer.latency};
          auto suggested = domain::read_triage(answer.text, rules);
          if (suggested)
            return one.succeed(suggesting(one, {ticket, *std::move(suggested), use}));
          once_more
            ? ask_again(question, rules, use, suggested.why())
            : one.fail(fail(errc::invalid_input,
                            "the model answered wrongly twice: " + suggested.why().message));
        },
        [*this](const caf::error& error) { one.fail(later(from_caf_reading(error))); });
  }

  void ask_again(ask_model question,
                 const domain::privacy_rules& rules,
                 const domain::model_use& used,
                 const domain::failure& why) const {
    question.what.what.system +=
      "\n\nAn earlier answer to this could not be used: " + why.message + ".";
    ask(question, rules, used, false);
  }

  /// A model that is away costs nothing but time.
  [[nodiscard]] domain::failure later(domain::failure why) const {
    if (why.code != errc::unavailable)
      return why;
    const auto age = one.around().now() - one.job().created_at;
    why.code = errc::rate_limited;
    if (!why.retry_after)
      why.retry_after = std::chrono::ceil<seconds>(std::clamp<milliseconds>(
        age,
        tools->options.shortest_wait,
        std::max(tools->options.shortest_wait, tools->options.longest_wait)));
    return why;
  }
};

} // namespace

job_runner
run_triage(model_asker_actor asker, storage::release_reads& reads, triage_options options) {
  const auto tools =
    std::make_shared<const triage_tools>(triage_tools{std::move(asker), reads, std::move(options)});
  return [tools](const attempt& one) {
    const auto args = domain::read_json(one.job().args);
    const auto ticket = domain::parse_uuid(args ? domain::text_at(*args, "ticket") : "");
    if (!ticket)
      return one.fail(fail(errc::invalid_input, "this job names no ticket"));
    triage_errand{one, tools, *ticket}.begin();
  };
}

} // namespace hub::actors
