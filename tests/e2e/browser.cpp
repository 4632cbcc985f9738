#include "tests/e2e/browser.hpp"

#include "tests/support/http_client.hpp"

#include <stdexcept>
#include <utility>

namespace hub::testing {

namespace {

constexpr int most_steps = 20;

/// The value of an attribute in the first tag that has it.
std::string attribute(const std::string& html, const std::string& name) {
  const auto begin = html.find(' ' + name + "=\"");
  if (begin == std::string::npos)
    return {};
  const auto from = begin + name.size() + 3;
  return html.substr(from, html.find('"', from) - from);
}

std::string server_of(const std::string& url) {
  return url.substr(0, url.find('/', url.find("://") + 3));
}

} // namespace

browser::browser(std::string address) : address_{std::move(address)} {}

page browser::open(const std::string& url) {
  return send("GET", url, {});
}

page browser::submit(const std::string& url, const std::string& form) {
  return send("POST", url, form);
}

std::string browser::cookie(const std::string& name) const {
  const auto found = cookies_.find(name);
  return found == cookies_.end() ? std::string{} : found->second;
}

void browser::keep_cookie(const std::string& line) {
  const auto pair = line.substr(0, line.find(';'));
  const auto name = pair.substr(0, pair.find('='));
  const auto value = pair.substr(pair.find('=') + 1);
  const bool ends = value.empty() || line.find("Max-Age=0") != std::string::npos
                    || line.find("expires=Thu, 01 Jan 1970") != std::string::npos;
  if (ends)
    cookies_.erase(name);
  else
    cookies_[name] = value;
}

page browser::send(const std::string& method, const std::string& url, const std::string& body) {
  const auto server = server_of(url);
  const auto port = static_cast<std::uint16_t>(std::stoi(server.substr(server.rfind(':') + 1)));
  auto target = url.substr(server.size());
  target = target.substr(0, target.find('#'));
  std::string cookies;
  for (const auto& [name, value] : cookies_)
    cookies += (cookies.empty() ? "" : "; ") + name + '=' + value;
  std::string request = method + ' ' + (target.empty() ? "/" : target)
                        + " HTTP/1.1\r\nHost: " + server.substr(server.find("://") + 3)
                        + "\r\nConnection: close\r\n" + "X-Forwarded-For: " + address_ + "\r\n";
  if (!cookies.empty())
    request += "Cookie: " + cookies + "\r\n";
  if (method == "POST")
    request += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
               + std::to_string(body.size()) + "\r\n";
  tests::http_client connection{port};
  connection.send(request + "\r\n" + body);
  const auto got = connection.read(std::chrono::seconds{30});
  if (!got)
    throw std::runtime_error("no answer from " + url);
  for (const auto& [name, value] : got->headers)
    if (name == "set-cookie")
      keep_cookie(value);
  page shown{got->status, got->header("location"), url, got->body, got->head};
  if (shown.location.starts_with('/'))
    shown.location = server + shown.location;
  return shown;
}

std::string
browser::sign_in_at_provider(page from, const std::string& login, const std::string& until) {
  for (int step = 0; step < most_steps; ++step) {
    if (!from.location.empty()) {
      if (from.location.starts_with(until))
        return from.location;
      from = open(from.location);
      continue;
    }
    const auto action = attribute(from.body, "action");
    if (from.status != 200 || action.empty())
      return {};
    const bool asks_who = from.body.find("name=\"login\"") != std::string::npos;
    const auto url = action.starts_with('/') ? server_of(from.url) + action : action;
    from = submit(url, asks_who ? "prompt=login&login=" + login + "&password=x" : "prompt=consent");
  }
  return {};
}

} // namespace hub::testing
