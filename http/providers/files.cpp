#include "http/providers/files.hpp"

#include "domain/json_reading.hpp"
#include "domain/web_address.hpp"
#include "http/providers/reading.hpp"
#include "http/providers/writing.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace hub::http::providers::files {

namespace {

using domain::errc;
using domain::fail;
using namespace std::string_view_literals;

constexpr std::array slack_servers{"files.slack.com"sv, "files.slack-gov.com"sv};
// Where the addresses of media lead that the Graph API names.
constexpr std::array meta_domains{"fbsbx.com"sv, "fbcdn.net"sv, "whatsapp.net"sv};
// The providers' own APIs. Whoever sends a webhook names addresses in it: none of these may become
// a call in our name.
constexpr std::array own_apis{"slack.com"sv, "slack-gov.com"sv, "facebook.com"sv};

bool is_within(std::string_view host, std::string_view domain) {
  return host == domain
         || (host.size() > domain.size() && host.ends_with(domain)
             && host[host.size() - domain.size() - 1] == '.');
}

/// The path as written, from its first slash; empty where there is none.
std::string_view path_of(std::string_view url) {
  const auto start = url.find('/', url.find("://") + 3);
  return start == std::string_view::npos ? ""sv : url.substr(start, url.find('?') - start);
}

/// Steps up and their disguises lead out of any folder.
bool has_steps(std::string_view url) {
  const auto path = path_of(url);
  return path.find("/.") != std::string_view::npos || path.find("%2e") != std::string_view::npos
         || path.find("%2E") != std::string_view::npos || path.find("%2f") != std::string_view::npos
         || path.find("%2F") != std::string_view::npos || path.find("%5") != std::string_view::npos;
}

std::string_view without_slashes(std::string_view base_url) {
  while (base_url.ends_with('/'))
    base_url.remove_suffix(1);
  return base_url;
}

/// Whether an address lies where the API itself is: on its server, in its folder.
bool is_at_api(const std::string& url, std::string_view base_url) {
  const auto base = without_slashes(base_url);
  const auto where = domain::parse_web_address(url);
  const auto api = domain::parse_web_address(base);
  return where && api && domain::same_server(*where, *api)
         && path_of(url).starts_with(std::string{path_of(base)} + '/');
}

/// Whether an address lies beside an API that a proxy or a sandbox plays: in the folder that holds
/// the API's own, and not in that.
bool is_beside_stand_in(const std::string& url, std::string_view base_url) {
  const auto base = without_slashes(base_url);
  const auto where = domain::parse_web_address(url);
  const auto api = domain::parse_web_address(base);
  if (!where || !api || !domain::same_server(*where, *api) || is_at_api(url, base))
    return false;
  if (std::ranges::any_of(own_apis, [&](auto of) { return is_within(api->host, of); }))
    return false;
  std::string folder{path_of(base)};
  folder.erase(std::min(folder.rfind('/'), folder.size()));
  return path_of(url).starts_with(folder + '/');
}

client::call download(std::string_view provider, const std::string& url) {
  client::call what;
  what.provider = provider;
  what.operation = "download";
  what.method = "GET";
  what.url = url;
  what.repeatable = true;
  return what;
}

client::call with_token(client::call what, const std::string& token) {
  what.headers.emplace_back("Authorization", "Bearer " + token);
  return what;
}

domain::failure elsewhere(const char* whom) {
  return fail(errc::invalid_input, std::string{"the file is not kept with "} + whom);
}

} // namespace

domain::result<client::call> from_slack(const slack::credentials& as, const std::string& url) {
  const auto where = domain::parse_web_address(url);
  const bool at_slack = where && where->scheme == "https" && where->port.empty()
                        && std::ranges::find(slack_servers, where->host) != slack_servers.end();
  if (has_steps(url) || (!at_slack && !is_beside_stand_in(url, as.base_url)))
    return elsewhere("Slack");
  return with_token(download("slack", url), as.token);
}

domain::result<client::call> from_intercom(const intercom::credentials& as,
                                           const std::string& url) {
  if (!domain::parse_web_address(url))
    return fail(errc::invalid_input, "the file's address cannot be read");
  auto what = download("intercom", url);
  what.user_url = has_steps(url) || !is_at_api(url, as.base_url);
  return what;
}

domain::result<client::call> ask_whatsapp(const whatsapp::credentials& as,
                                          const std::string& media_id) {
  const bool plain = !media_id.empty() && std::ranges::all_of(media_id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || c == '-';
  });
  if (!plain)
    return fail(errc::invalid_input, "the medium's id cannot be one of WhatsApp's");
  auto what = bearer_call("whatsapp", "media", "GET", as.base_url, "/" + media_id, as.token);
  what.repeatable = true;
  return what;
}

domain::result<std::string> read_whatsapp(const client::reply& answer, domain::time_point now) {
  const verdict found{"whatsapp", answer, effect::none, now};
  const auto body = object_in(answer);
  if (const auto code = domain::number_of(domain::value_at(body, "error", "code"))) {
    const auto shown = std::to_string(*code);
    // 100 with this subcode: there is no such object, or no more.
    if (*code == 100)
      return found.because(errc::not_found, shown);
    const auto means = whatsapp::meaning_of(*code);
    return means == errc::unknown_outcome ? found.by_status(shown) : found.because(means, shown);
  }
  if (answer.status != 200)
    return found.by_status("");
  auto url = domain::text_at(body, "url");
  if (url.empty())
    return found.unexplained("no_url");
  return url;
}

domain::result<client::call> from_whatsapp(const whatsapp::credentials& as,
                                           const std::string& url) {
  const auto where = domain::parse_web_address(url);
  const bool at_meta =
    where && where->scheme == "https" && where->port.empty()
    && std::ranges::any_of(meta_domains, [&](auto of) { return is_within(where->host, of); });
  if (has_steps(url) || (!at_meta && !is_beside_stand_in(url, as.base_url)))
    return elsewhere("Meta");
  return with_token(download("whatsapp", url), as.token);
}

domain::outcome
check_file(std::string_view provider, const client::reply& answer, domain::time_point now) {
  if (answer.status == 200)
    return domain::done{};
  const verdict found{provider, answer, effect::none, now};
  // To a page to sign in, or to somewhere that nobody has looked at.
  if (answer.status >= 300 && answer.status < 400)
    return found.because(errc::forbidden, "redirected");
  if (answer.status >= 200 && answer.status < 300)
    return found.unexplained("no_content");
  return found.by_status("");
}

} // namespace hub::http::providers::files
