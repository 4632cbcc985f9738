#include "http/outward/file_source.hpp"

#include "domain/retry.hpp"
#include "http/providers/files.hpp"

#include <utility>

namespace hub::http {

namespace {

using actors::brought_file;
using actors::wanted_file;
using domain::channel;
using domain::errc;
using domain::fail;

namespace files = providers::files;
using brought_callback = std::function<void(domain::result<brought_file>)>;

/// To a person: no attempt helps until somebody sets it.
domain::failure not_set_up(const char* setting) {
  return fail(errc::forbidden,
              std::string{setting} + " is not set for this workspace, so no file can be fetched");
}

brought_file none_because(std::string why) {
  return {.bytes = nullptr, .why_not = std::move(why)};
}

std::string size_in_words(std::size_t bytes) {
  constexpr std::size_t mib = std::size_t{1} << 20U;
  return bytes % mib == 0 ? std::to_string(bytes / mib) + " MiB" : std::to_string(bytes) + " bytes";
}

class source final : public actors::file_source {
public:
  source(client::engine& engine,
         accounts_source accounts,
         const file_limits& limits,
         std::function<domain::time_point()> now)
    : engine_{engine}, accounts_{std::move(accounts)}, limits_{limits}, now_{std::move(now)} {}

  void bring(wanted_file what, brought_callback done) override {
    const auto as = accounts_(what.workspace);
    switch (what.from) {
    case channel::slack:
      if (as->slack.token.empty())
        return done(not_set_up("slack.bot_token (SLACK_BOT_TOKEN)"));
      return download("slack", true, files::from_slack(as->slack, what.url), std::move(done));
    case channel::intercom:
      return download(
        "intercom", false, files::from_intercom(as->intercom, what.url), std::move(done));
    case channel::whatsapp:
      if (as->whatsapp.token.empty())
        return done(not_set_up("whatsapp.api_token (WHATSAPP_API_TOKEN)"));
      return bring_medium(as, what.external_id, std::move(done));
    case channel::email:
    case channel::in_app:
    case channel::api:
      return done(none_because("no files are fetched from this channel"));
    }
  }

private:
  void bring_medium(std::shared_ptr<const provider_accounts> as,
                    const std::string& id,
                    brought_callback done) {
    auto call = files::ask_whatsapp(as->whatsapp, id);
    if (!call)
      return done(none_because(call.why().message));
    engine_.send(*std::move(call),
                 [this, as = std::move(as), done = std::move(done)](
                   const domain::result<client::reply>& reply) {
                   if (!reply)
                     return done(reply.why());
                   const auto url = files::read_whatsapp(*reply, now_());
                   if (!url && url.why().code == errc::not_found)
                     return done(none_because("WhatsApp does not have it any more"));
                   if (!url)
                     return done(url.why());
                   download("whatsapp", true, files::from_whatsapp(as->whatsapp, *url), done);
                 });
  }

  /// `with_token`: a refusal concerns the account, else this one address.
  void download(const char* whom,
                bool with_token,
                domain::result<client::call> call,
                brought_callback done) {
    if (!call)
      return done(none_because(call.why().message));
    call->max_response = limits_.largest;
    call->within = limits_.within;
    engine_.send(
      *std::move(call),
      [this, whom, with_token, done = std::move(done)](domain::result<client::reply> reply) {
        done(read(whom, with_token, std::move(reply)));
      });
  }

  domain::result<brought_file>
  read(const char* whom, bool with_token, domain::result<client::reply> reply) const {
    if (!reply && reply.why().code == errc::too_large)
      return none_because("it is larger than " + size_in_words(limits_.largest));
    // What cannot be called now cannot be called later: the address is the file's own.
    if (!reply && (reply.why().code == errc::forbidden || reply.why().code == errc::invalid_input))
      return none_because("its address may not be called: " + reply.why().message);
    if (!reply)
      return reply.why();
    if (const auto fine = files::check_file(whom, *reply, now_()); !fine) {
      if (fine.why().code == errc::not_found)
        return none_because("its provider does not have it any more");
      if (!with_token && domain::is_permanent(fine.why().code))
        return none_because("its provider does not give it out any more");
      return fine.why();
    }
    return brought_file{.bytes = std::make_shared<std::string>(std::move(reply->body)),
                        .why_not = {}};
  }

  client::engine& engine_;
  accounts_source accounts_;
  file_limits limits_;
  std::function<domain::time_point()> now_;
};

} // namespace

std::unique_ptr<actors::file_source> make_file_source(client::engine& engine,
                                                      accounts_source accounts,
                                                      const file_limits& limits,
                                                      std::function<domain::time_point()> now) {
  return std::make_unique<source>(engine, std::move(accounts), limits, std::move(now));
}

} // namespace hub::http
