#include "actors/outward/notification.hpp"

#include "domain/json_reading.hpp"

#include <utility>

namespace hub::actors {

namespace {

using domain::errc;
using domain::notification_status;
using domain::notification_step;
using domain::provider;
using storage::notification_detail;

std::shared_ptr<const domain::change> step_of(const attempt& one,
                                              const domain::uuid& notification,
                                              notification_step::kind what,
                                              const sent_message& sent = {},
                                              bool by_template = false,
                                              bool arrived = false) {
  domain::change change;
  change.workspace = one.job().workspace;
  change.at = one.around().now();
  change.notification.emplace();
  auto& step = *change.notification;
  step.what = what;
  step.notification = notification;
  step.job = one.job().id;
  step.attempt = one.job().claim;
  step.provider_message_id = sent.provider_message_id;
  step.by_template = by_template;
  step.arrived = arrived;
  return std::make_shared<const domain::change>(std::move(change));
}

bool is_template(const outgoing_message& what) {
  return !what.form.name.empty();
}

/// Nameless where the workspace has none.
message_template template_for(const notification_detail& about, const domain::release_rules& set) {
  message_template form;
  form.language = domain::template_language(set.template_languages, about.locale);
  if (!form.language.empty())
    form.name = set.whatsapp_template;
  form.parameters = {domain::template_parameter(about.row.content)};
  return form;
}

/// What keeps the channel shut for this message, rather than the message from being sent.
std::string error_class_of(const outgoing_message& what, const domain::failure& why) {
  const bool shut = is_template(what)
                      ? why.code == errc::unsupported_media
                      : what.whom == provider::whatsapp && why.code == errc::conflict;
  return shut ? "channel_restricted" : "";
}

/// One notification on its way; copies are the same.
struct dispatch {
  attempt one;
  limiters_actor limiters;
  provider_desk& desk;
  sending_rules rules;
  release_rules_source rules_of;

  void go_on(const notification_detail& about) const {
    const auto status = domain::parse_notification_status(about.row.status);
    const auto channel = domain::parse_channel(about.row.channel);
    if (!status || !channel)
      return one.fail(status ? channel.why() : status.why());
    const bool waits =
      *status == notification_status::pending || *status == notification_status::failed;
    if (!waits || about.job != one.job().id)
      return end_without_sending(about, *status);
    if (*channel == domain::channel::in_app)
      return put_into_app(about);
    send(about, *channel);
  }

  /// Taken back, rejected, another job's; or sent by an attempt that could not say so before the
  /// provider did.
  void end_without_sending(const notification_detail& about, notification_status status) const {
    const bool sent =
      status == notification_status::sent || status == notification_status::delivered;
    const bool by_this = one.job().sending_since && about.job == one.job().id;
    one.succeed(sent && by_this ? step_of(one, about.row.id, notification_step::kind::sent)
                                : nullptr);
  }

  /// Where people read it, it is there already.
  void put_into_app(const notification_detail& about) const {
    one.can_be_asked(); // doing it again changes nothing
    const auto id = about.row.id;
    one.begin_sending(
      [*this, id] {
        one.succeed(step_of(one, id, notification_step::kind::sent, {}, false, true));
      },
      step_of(one, id, notification_step::kind::begin));
  }

  void send(const notification_detail& about, domain::channel channel) const {
    const auto where = domain::destination_of(channel, about.row.platform_user_id, about.thread_id);
    if (!where)
      return one.fail(where.why());
    outgoing_message what{.workspace = one.job().workspace,
                          .id = one.job().id,
                          .whom = where->whom,
                          .recipient = where->recipient,
                          .thread = where->thread,
                          .subject = domain::reply_subject(about.entry.ticket_title),
                          .text = about.row.content};
    const auto form = template_for(about, rules_of(one.job().workspace));
    const bool only_form =
      where->whom == provider::whatsapp
      && (about.use_template
          || !domain::within_reply_window(about.last_message_at, one.around().now()));
    if (only_form && form.name.empty())
      return one.fail(
        domain::fail(errc::conflict,
                     "this person has not written for 24 hours, and whatsapp.template names no "
                     "template to write to them with"),
        "channel_restricted");
    if (only_form)
      what.form = form;
    send_once(one, limiters, desk, rules, plan_for(std::move(what), form, about.row.id));
  }

  [[nodiscard]] sending
  plan_for(outgoing_message what, message_template form, const domain::uuid& id) const {
    sending plan;
    plan.what = std::move(what);
    plan.begun = step_of(one, id, notification_step::kind::begin);
    plan.effects = [one = one, id](const outgoing_message& as, const sent_message& sent) {
      return step_of(one, id, notification_step::kind::sent, sent, is_template(as));
    };
    // WhatsApp knows better than we do when the person last wrote.
    plan.otherwise = [form = std::move(form)](const outgoing_message& as,
                                              const domain::failure& why) {
      std::optional<outgoing_message> other;
      if (as.whom != provider::whatsapp || is_template(as) || why.code != errc::conflict
          || form.name.empty())
        return other;
      other.emplace(as);
      other->form = form;
      return other;
    };
    plan.error_class = error_class_of;
    return plan;
  }
};

} // namespace

job_runner run_notification(limiters_actor limiters,
                            provider_desk& desk,
                            storage::release_reads& reads,
                            release_rules_source rules_of,
                            const sending_rules& rules) {
  return [limiters = std::move(limiters), &desk, &reads, rules_of = std::move(rules_of), rules](
           const attempt& one) {
    const auto args = domain::read_json(one.job().args);
    const auto id = domain::parse_uuid(args ? domain::text_at(*args, "notification") : "");
    if (!id)
      return one.fail(domain::fail(errc::invalid_input, "the job names no notification"));
    const dispatch doing{one, limiters, desk, rules, rules_of};
    reads.notification_of(
      one.job().workspace,
      *id,
      [doing, home = one.way_home()](domain::result<notification_detail> about) {
        home([doing, about = std::move(about)] {
          about ? doing.go_on(*about) : doing.one.fail(about.why());
        });
      });
  };
}

} // namespace hub::actors
