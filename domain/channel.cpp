#include "domain/channel.hpp"

#include <string>

namespace hub::domain {

std::string_view to_string(channel which) {
  switch (which) {
  case channel::slack:
    return "slack";
  case channel::intercom:
    return "intercom";
  case channel::whatsapp:
    return "whatsapp";
  case channel::email:
    return "email";
  case channel::in_app:
    return "in_app";
  case channel::api:
    return "api";
  }
  return "";
}

result<channel> parse_channel(std::string_view text) {
  for (const auto which : all_channels)
    if (to_string(which) == text)
      return which;
  return fail(errc::invalid_input,
              "unknown channel; use slack, intercom, whatsapp, email, in_app or api");
}

} // namespace hub::domain
