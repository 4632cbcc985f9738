#include "http/server/auth/fresh_session.hpp"

#include "domain/text.hpp"
#include "http/server/auth/tokens.hpp"

namespace hub::http {

namespace {

constexpr std::size_t longest_agent = 300;

} // namespace

fresh_session make_session(const gate& door, const edge::request& request, domain::uuid person) {
  fresh_session made;
  const auto before = session_token_in(request);
  made.token = random_token();
  made.row = {.id = door.fresh_id(),
              .person = person,
              .token_hash = token_hash(made.token),
              .address = door.address_of(request),
              .user_agent = domain::clean_utf8(
                std::string{request.header("user-agent").value_or("").substr(0, longest_agent)}),
              .expires_at = door.now() + session_lasts,
              .verified_hash = {},
              .replaces = before ? token_hash(*before) : std::string{}};
  return made;
}

} // namespace hub::http
