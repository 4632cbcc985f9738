#include "actors/outward/provider_check.hpp"

#include "actors/failure_bridge.hpp"
#include "domain/json_reading.hpp"

#include <chrono>
#include <utility>

namespace hub::actors {

namespace {

using domain::errc;

// The longest a limiter lets anybody wait, and a little.
constexpr std::chrono::seconds permit_within{35};
// Clocks differ, and a provider may take a moment to show what it has taken.
constexpr std::chrono::seconds settling_slack{10};

/// One message on its way; copies are the same.
struct errand {
  attempt one;
  limiters_actor limiters;
  provider_desk& desk;
  sending_rules rules;
  std::shared_ptr<const sending> plan;

  [[nodiscard]] const outgoing_message& what() const { return plan->what; }

  /// Waits for a permit, then goes on with `then`, which gets what to do when the call has ended.
  template <class Then>
  void with_permit(Then then) const {
    const auto wanted = want_permit{one.job().workspace, what().whom, what().recipient};
    one.self()
      ->request(limiters, permit_within, wanted)
      .then(
        [*this, then = std::move(then)](const permit& given) {
          then([*this, given](const domain::failure* why) { give_back(given, why); });
        },
        [*this](const caf::error& error) { one.fail(why_no_permit(error)); });
  }

  void give_back(const permit& given, const domain::failure* why) const {
    one.self()->send(
      given.from,
      permit_used{given.call,
                  outcome_of(why),
                  why != nullptr ? why->retry_after : std::optional<std::chrono::seconds>{}});
  }

  void send() const {
    with_permit([*this](auto ended) {
      one.begin_sending([*this, ended] { post(what(), ended); }, plan->begun);
    });
  }

  template <class Ended>
  void post(const outgoing_message& as, Ended ended) const {
    desk.send(as,
              [*this, as, ended, home = one.way_home()](const domain::result<sent_message>& sent) {
                home([*this, as, ended, sent] {
                  if (const auto other = other_form(as, sent))
                    return post(*other, ended);
                  ended(sent ? nullptr : &sent.why());
                  end_after(as, sent);
                });
              });
  }

  [[nodiscard]] std::optional<outgoing_message>
  other_form(const outgoing_message& as, const domain::result<sent_message>& sent) const {
    return sent || !plan->otherwise ? std::nullopt : plan->otherwise(as, sent.why());
  }

  void succeed(const outgoing_message& as, const sent_message& sent) const {
    one.succeed(plan->effects ? plan->effects(as, sent) : nullptr);
  }

  void end_after(const outgoing_message& as, const domain::result<sent_message>& sent) const {
    if (sent)
      return succeed(as, *sent);
    if (sent.why().code == errc::unknown_outcome && desk.can_find(as))
      return one.leave_open(sent.why());
    one.fail(sent.why(), plan->error_class ? plan->error_class(as, sent.why()) : std::string{});
  }

  /// An earlier attempt may have sent it.
  void find_out() const {
    with_permit([*this](auto ended) {
      const auto age = one.around().now() - *one.job().sending_since;
      desk.find(
        what(),
        *one.job().sending_since,
        [*this, ended, age, home = one.way_home()](const domain::result<found_message>& found) {
          home([*this, ended, age, found] {
            ended(found ? nullptr : &found.why());
            go_on_from(found, age);
          });
        });
    });
  }

  /// No earlier attempt has sent it.
  void send_again() const {
    if (one.job().attempt <= rules.most_attempts)
      return send();
    one.fail_unsent(domain::fail(errc::unavailable,
                                 "the provider never got it, and it has been tried often enough"));
  }

  /// The call that an earlier attempt made may still be under way.
  void ask_later(std::chrono::milliseconds rest) const {
    auto why = domain::fail(errc::unknown_outcome,
                            "an earlier attempt may still be sending it; the provider does not "
                            "have it yet");
    why.retry_after = std::chrono::ceil<std::chrono::seconds>(rest);
    one.leave_open(std::move(why));
  }

  /// `age`: for how long it may have been on its way when the provider was asked.
  void go_on_from(const domain::result<found_message>& found, std::chrono::milliseconds age) const {
    if (!found)
      return one.fail(is_permanent(found.why().code)
                        ? domain::fail(errc::unknown_outcome,
                                       "an earlier attempt may have sent it and the provider does "
                                       "not let itself be asked: "
                                         + found.why().message)
                        : found.why());
    switch (*found) {
    case found_message::yes:
      return succeed(what(), {});
    case found_message::no:
      return age < rules.settled_after ? ask_later(rules.settled_after - age) : send_again();
    case found_message::cannot_tell:
      return one.fail(
        domain::fail(errc::unknown_outcome,
                     "an earlier attempt may have sent it and the provider cannot be asked"));
    }
  }
};

} // namespace

sending_rules rules_for_calls(std::chrono::milliseconds call_within, int most_attempts) {
  return {.settled_after = save_within + call_within + settling_slack,
          .most_attempts = most_attempts};
}

void send_once(const attempt& one,
               const limiters_actor& limiters,
               provider_desk& desk,
               const sending_rules& rules,
               sending what) {
  if (desk.can_find(what.what))
    one.can_be_asked();
  const errand doing{one, limiters, desk, rules, std::make_shared<const sending>(std::move(what))};
  one.job().sending_since ? doing.find_out() : doing.send();
}

job_runner
run_provider_check(limiters_actor limiters, provider_desk& desk, const sending_rules& rules) {
  return [limiters = std::move(limiters), &desk, rules](const attempt& one) {
    const auto args = domain::read_json(one.job().args);
    const auto whom = domain::parse_provider(args ? domain::text_at(*args, "provider") : "");
    if (!whom)
      return one.fail(domain::fail(errc::invalid_input, whom.why().message));
    send_once(one,
              limiters,
              desk,
              rules,
              {.what = {.workspace = one.job().workspace,
                        .id = one.job().id,
                        .whom = *whom,
                        .recipient = domain::text_at(*args, "recipient"),
                        .thread = domain::text_at(*args, "thread"),
                        .subject = "A test message from Feedback Hub",
                        .text = domain::text_at(*args, "text")}});
  };
}

job_runner run_canary(std::function<void()> end_process) {
  return [end_process = std::move(end_process)](const attempt& one) {
    const auto args = domain::read_json(one.job().args);
    if (!args || domain::text_at(*args, "fate") != "abort")
      return one.succeed();
    if (!end_process)
      return one.fail(
        domain::fail(errc::forbidden, "a canary may end its process only where simulation is on"));
    end_process();
  };
}

} // namespace hub::actors
