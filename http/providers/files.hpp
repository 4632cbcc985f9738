#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"
#include "http/providers/intercom.hpp"
#include "http/providers/slack.hpp"
#include "http/providers/whatsapp.hpp"

#include <string>

/// Files that came with reports, at their providers. An address in a webhook is a stranger's text:
/// a token goes to the provider's own servers alone, and whatever has none to a public address.
/// Requests fail with `invalid_input` where the address is not one to fetch from.
namespace hub::http::providers::files {

/// From Slack's file servers, or from where the API's own address is.
domain::result<client::call> from_slack(const slack::credentials& as, const std::string& url);
/// From anywhere public, without a token: Intercom's addresses are signed.
domain::result<client::call> from_intercom(const intercom::credentials& as, const std::string& url);
/// Asks where a medium is; the answer's address is good for five minutes.
domain::result<client::call> ask_whatsapp(const whatsapp::credentials& as,
                                          const std::string& media_id);
/// The address. Failures as those of `whatsapp.hpp`.
domain::result<std::string> read_whatsapp(const client::reply& answer, domain::time_point now);
domain::result<client::call> from_whatsapp(const whatsapp::credentials& as, const std::string& url);

/// Whether the answer is the file: `not_found` where the provider has it no more, `forbidden` where
/// it does not give it to us, `rate_limited` and `unavailable` where that may change.
domain::outcome
check_file(std::string_view provider, const client::reply& answer, domain::time_point now);

} // namespace hub::http::providers::files
