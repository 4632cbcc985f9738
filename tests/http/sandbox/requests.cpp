#include "tests/http/sandbox/requests.hpp"

namespace hub::tests {

edge::request make_request(std::string_view method,
                           std::string_view target,
                           const header_list& headers,
                           std::string body) {
  edge::request made;
  made.method = method;
  made.path = target.substr(0, target.find('?'));
  made.headers = headers;
  made.body = std::move(body);
  if (const auto mark = target.find('?'); mark != std::string_view::npos) {
    auto rest = target.substr(mark + 1);
    while (!rest.empty()) {
      const auto pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      const auto equals = pair.find('=');
      made.query.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
  }
  return made;
}

std::string answer::header(std::string_view name) const {
  for (const auto& [known, value] : headers)
    if (known == name)
      return value;
  return "";
}

answer read(const sandbox::outcome& outcome) {
  return {outcome.reply.status,
          outcome.reply.body.empty() ? json() : json::parse(outcome.reply.body),
          outcome.reply.headers,
          outcome.delivered.has_value()};
}

} // namespace hub::tests
