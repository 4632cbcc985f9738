#include "domain/change.hpp"

namespace hub::domain {

std::string_view to_string(delivery_outcome which) {
  switch (which) {
  case delivery_outcome::created:
    return "created";
  case delivery_outcome::attached:
    return "attached";
  case delivery_outcome::duplicate:
    return "duplicate";
  case delivery_outcome::not_feedback:
    return "not_feedback";
  case delivery_outcome::quarantined:
    return "quarantined";
  }
  return "";
}

result<delivery_outcome> parse_delivery_outcome(std::string_view text) {
  for (const auto which : all_delivery_outcomes)
    if (to_string(which) == text)
      return which;
  return fail(errc::invalid_input,
              "unknown outcome; use created, attached, duplicate, not_feedback or quarantined");
}

} // namespace hub::domain
