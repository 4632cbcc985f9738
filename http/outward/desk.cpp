#include "http/outward/desk.hpp"

#include <utility>

namespace hub::http {

namespace {

using actors::found_message;
using actors::outgoing_message;
using actors::sent_message;
using domain::errc;
using domain::fail;
using domain::provider;

using sent_callback = std::function<void(domain::result<sent_message>)>;
using found_callback = std::function<void(domain::result<found_message>)>;

// A thread with more replies than these pages hold, or a channel where more was written meanwhile,
// cannot be searched to its end. All of them go by one permit, so they are few.
constexpr int most_pages = 5;
// A provider's clock may be a little behind ours, or ahead.
constexpr std::chrono::seconds clock_slack{60};
// The clock that dated the send may have been another node's. More costs nothing but pages.
constexpr std::chrono::minutes written_before{10};
// What was sent is there by then, or never will be: calls are given up much earlier.
constexpr std::chrono::minutes arrives_within{5};

/// To a person: no attempt helps until somebody sets it.
domain::failure not_set_up(const char* setting) {
  return fail(errc::forbidden,
              std::string{setting} + " is not set for this workspace, so nothing can be sent");
}

domain::failure no_channel(provider whom) {
  return fail(errc::invalid_input,
              "messages cannot be sent through " + std::string{to_string(whom)});
}

domain::result<sent_message> as_message(const domain::result<providers::sent>& sent) {
  if (!sent)
    return sent.why();
  return sent_message{sent->provider_message_id};
}

/// As the search's last word: `whole` when everything was looked at.
found_message verdict_of(bool found, bool whole) {
  return found ? found_message::yes : whole ? found_message::no : found_message::cannot_tell;
}

class desk final : public actors::provider_desk {
public:
  desk(client::engine& engine, accounts_source accounts, std::function<domain::time_point()> now)
    : engine_{engine}, accounts_{std::move(accounts)}, now_{std::move(now)} {}

  void send(outgoing_message what, sent_callback done) override {
    switch (what.whom) {
    case provider::slack:
      return post(slack_post(what), providers::slack::read_post, std::move(done));
    case provider::intercom:
      return post(intercom_reply(what), providers::intercom::read_reply, std::move(done));
    case provider::whatsapp:
      return post(whatsapp_message(what), providers::whatsapp::read_sent, std::move(done));
    case provider::smtp:
      return mail(what, std::move(done));
    case provider::notion:
    case provider::openai:
      return done(no_channel(what.whom));
    }
  }

  [[nodiscard]] bool can_find(const outgoing_message& what) const override {
    switch (what.whom) {
    case provider::slack:
      return providers::slack::is_conversation_id(what.recipient);
    case provider::intercom:
      return true;
    case provider::whatsapp: // it can only be waited for, as a status
    case provider::notion:
    case provider::openai:
    case provider::smtp:
      return false;
    }
    return false;
  }

  void find(outgoing_message what, domain::time_point since, found_callback done) override {
    if (!can_find(what))
      return done(found_message::cannot_tell);
    switch (what.whom) {
    case provider::slack:
      return find_in_slack(
        std::make_shared<question>(question{std::move(what), since, std::move(done)}),
        {},
        most_pages);
    case provider::intercom:
      return find_in_conversation(std::move(what), since - clock_slack, std::move(done));
    case provider::whatsapp:
    case provider::notion:
    case provider::openai:
    case provider::smtp:
      return;
    }
  }

private:
  /// Whether a message is there; it may take several pages to tell.
  struct question {
    outgoing_message what;
    domain::time_point since;
    found_callback done;
  };

  domain::result<client::call> slack_post(const outgoing_message& what) const {
    const auto as = accounts_(what.workspace);
    if (as->slack.token.empty())
      return not_set_up("slack.bot_token (SLACK_BOT_TOKEN)");
    return providers::slack::post_message(as->slack,
                                          {.channel = what.recipient,
                                           .thread_ts = what.thread,
                                           .text = what.text,
                                           .delivery_id = to_string(what.id)});
  }

  domain::result<client::call> intercom_reply(const outgoing_message& what) const {
    const auto as = accounts_(what.workspace);
    if (as->intercom.token.empty())
      return not_set_up("intercom.api_token (INTERCOM_API_TOKEN)");
    if (as->intercom.admin_id.empty())
      return not_set_up("intercom.admin_id (INTERCOM_ADMIN_ID)");
    return providers::intercom::reply_to(as->intercom, what.recipient, what.text);
  }

  domain::result<client::call> whatsapp_message(const outgoing_message& what) const {
    const auto as = accounts_(what.workspace);
    if (as->whatsapp.token.empty())
      return not_set_up("whatsapp.api_token (WHATSAPP_API_TOKEN)");
    if (as->whatsapp.phone_number_id.empty())
      return not_set_up("whatsapp.phone_number_id (WHATSAPP_PHONE_NUMBER_ID)");
    if (!what.form.name.empty())
      return providers::whatsapp::send_template(as->whatsapp,
                                                {.to = what.recipient,
                                                 .name = what.form.name,
                                                 .language = what.form.language,
                                                 .body_parameters = what.form.parameters,
                                                 .quoted_message_id = what.thread,
                                                 .delivery_id = to_string(what.id)});
    return providers::whatsapp::send_text(as->whatsapp,
                                          {.to = what.recipient,
                                           .text = what.text,
                                           .quoted_message_id = what.thread,
                                           .delivery_id = to_string(what.id)});
  }

  void mail(const outgoing_message& what, sent_callback done) {
    const auto as = accounts_(what.workspace);
    if (as->mail.url.empty())
      return done(not_set_up("smtp.url (SMTP_URL)"));
    if (as->mail_from.empty())
      return done(not_set_up("smtp.from (SMTP_FROM)"));
    const auto delivery = to_string(what.id);
    // Mail clients put it into the conversation by what it answers and what that belongs to.
    const auto thread =
      what.thread.empty() ? std::vector<std::string>{} : std::vector<std::string>{what.thread};
    auto letter = providers::smtp::compose(as->mail,
                                           {.from = as->mail_from,
                                            .from_name = {},
                                            .to = what.recipient,
                                            .to_name = {},
                                            .subject = what.subject,
                                            .text = what.text,
                                            .delivery_id = delivery,
                                            .in_reply_to = what.thread,
                                            .references = thread},
                                           now_());
    if (!letter)
      return done(letter.why());
    engine_.send(*std::move(letter),
                 [id = providers::smtp::message_id_of(delivery, as->mail_from),
                  done = std::move(done)](const domain::result<client::reply>& reply) {
                   done(reply ? as_message(providers::smtp::read_sent(*reply, id))
                              : domain::result<sent_message>{reply.why()});
                 });
  }

  template <class Read>
  void post(domain::result<client::call> call, Read read, sent_callback done) {
    if (!call)
      return done(call.why());
    engine_.send(*std::move(call),
                 [this, read, done = std::move(done)](const domain::result<client::reply>& reply) {
                   done(reply ? as_message(read(*reply, now_()))
                              : domain::result<sent_message>{reply.why()});
                 });
  }

  [[nodiscard]] domain::result<client::call> slack_page(const question& wanted,
                                                        const std::string& cursor) const {
    const auto& [what, since, done] = wanted;
    const auto as = accounts_(what.workspace);
    if (as->slack.token.empty())
      return not_set_up("slack.bot_token (SLACK_BOT_TOKEN)");
    if (!what.thread.empty())
      return providers::slack::find_delivery(as->slack, what.recipient, what.thread, cursor);
    return providers::slack::find_in_channel(as->slack,
                                             what.recipient,
                                             since - written_before,
                                             since + arrives_within + clock_slack,
                                             cursor);
  }

  /// A page after the other, until the message is found or there are no more.
  void find_in_slack(const std::shared_ptr<const question>& wanted,
                     const std::string& cursor,
                     int pages_left) {
    if (pages_left == 0)
      return wanted->done(found_message::cannot_tell);
    auto call = slack_page(*wanted, cursor);
    if (!call)
      return wanted->done(call.why());
    engine_.send(
      *std::move(call), [this, wanted, pages_left](const domain::result<client::reply>& reply) {
        if (!reply)
          return wanted->done(reply.why());
        const auto page = providers::slack::read_find(*reply, to_string(wanted->what.id), now_());
        if (!page)
          return wanted->done(page.why());
        if (page->found || page->next_cursor.empty())
          return wanted->done(verdict_of(page->found.has_value(), true));
        find_in_slack(wanted, page->next_cursor, pages_left - 1);
      });
  }

  void find_in_conversation(outgoing_message what, domain::time_point since, found_callback done) {
    const auto as = accounts_(what.workspace);
    if (as->intercom.token.empty())
      return done(not_set_up("intercom.api_token (INTERCOM_API_TOKEN)"));
    auto call = providers::intercom::get_conversation(as->intercom, what.recipient);
    if (!call)
      return done(call.why());
    engine_.send(
      *std::move(call),
      [this, what = std::move(what), as, since, done = std::move(done)](
        const domain::result<client::reply>& reply) {
        if (!reply)
          return done(reply.why());
        const auto search =
          providers::intercom::read_find(*reply, as->intercom.admin_id, what.text, since, now_());
        done(search
               ? domain::result<found_message>{verdict_of(search->found.has_value(), search->whole)}
               : domain::result<found_message>{search.why()});
      });
  }

  client::engine& engine_;
  accounts_source accounts_;
  std::function<domain::time_point()> now_;
};

} // namespace

std::unique_ptr<actors::provider_desk> make_provider_desk(client::engine& engine,
                                                          accounts_source accounts,
                                                          std::function<domain::time_point()> now) {
  return std::make_unique<desk>(engine, std::move(accounts), std::move(now));
}

} // namespace hub::http
