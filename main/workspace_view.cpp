#include "main/workspace_view.hpp"

#include "config/ai_choice.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace hub::app {

namespace {

bool is_own(const config::workspace_view& view, std::string_view key) {
  return std::ranges::any_of(view.effective, [&](const config::workspace_value& each) {
    return each.of->key == key && each.source == config::value_source::workspace;
  });
}

http::provider_accounts accounts_of(const config::workspace_view& view) {
  const auto& settings = view.values;
  // A sandbox on this machine speaks no TLS, and nothing leaves the machine.
  const bool played = !settings.sandbox_url.empty();
  return {.slack = {.base_url = settings.slack.api_url, .token = settings.slack.bot_token},
          .intercom = {.base_url = settings.intercom.api_url,
                       .token = settings.intercom.api_token,
                       .admin_id = settings.intercom.admin_id},
          .whatsapp = {.base_url = settings.whatsapp.api_url,
                       .phone_number_id = settings.whatsapp.phone_number_id,
                       .token = settings.whatsapp.api_token},
          .openai = {.base_url = settings.openai.base_url, .key = settings.openai.api_key},
          .mail = {.url = settings.smtp.url,
                   .user = {},
                   .password = {},
                   .require_tls = !played,
                   // Whoever administers a workspace must not reach what only this machine does.
                   .user_url = !played && is_own(view, "smtp.url")},
          .mail_from = settings.smtp.from};
}

domain::limiter_rules limits_of(domain::provider whom,
                                const config::limit_settings& from,
                                const config::settings& settings) {
  const auto& [failures_to_open, open_for, longest_open] = settings.breaker;
  auto rules = domain::default_limits(whom);
  rules.overall = {from.every, from.burst};
  rules.per_recipient.every = from.recipient_every;
  rules.breaker = {failures_to_open, open_for, longest_open};
  rules.longest_queue = settings.limiter.queue;
  rules.longest_recipient_queue = settings.limiter.recipient_queue;
  rules.longest_wait = settings.limiter.longest_wait;
  return rules;
}

} // namespace

http::webhook_secrets secrets_of(const config::settings& settings) {
  return {.slack_signing = settings.slack.signing_secret,
          .intercom = settings.intercom.webhook_secret,
          .whatsapp = settings.whatsapp.webhook_secret,
          .whatsapp_verify_token = settings.whatsapp.verify_token};
}

std::shared_ptr<const workspace_profile> profile_of(config::workspace_view view) {
  auto made = std::make_shared<workspace_profile>();
  const auto& values = view.values;
  const auto set = [&](domain::provider whom, const config::limit_settings& from) {
    made->limits[static_cast<std::size_t>(whom)] = limits_of(whom, from, values);
  };
  set(domain::provider::slack, values.slack.limit);
  set(domain::provider::intercom, values.intercom.limit);
  set(domain::provider::whatsapp, values.whatsapp.limit);
  set(domain::provider::notion, values.notion.limit);
  set(domain::provider::openai, values.openai.limit);
  set(domain::provider::smtp, values.smtp.limit);
  made->accounts = std::make_shared<const http::provider_accounts>(accounts_of(view));
  made->secrets = secrets_of(values);
  made->rules = {.reopen_resolved = values.intake.reopen_resolved,
                 .reply_window = values.intake.whatsapp_window,
                 .triage = config::ai_choice_of(values).triage == domain::triage_mode::automatic};
  made->release = {.undo_within = values.release.undo_within,
                   .batch_above = values.release.batch_above,
                   .batch_within = values.release.batch_within,
                   .whatsapp_template = values.whatsapp.message_template,
                   .template_languages = values.whatsapp.template_languages};
  made->ai = config::ai_choice_of(values);
  made->own = config::own_addresses_of(values);
  made->view = std::move(view);
  return made;
}

} // namespace hub::app
