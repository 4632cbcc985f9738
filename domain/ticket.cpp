#include "domain/ticket.hpp"

#include <algorithm>

namespace hub::domain {

namespace {

using enum ticket_status;

constexpr std::array from_open{in_progress, resolved, closed};
constexpr std::array from_in_progress{open, resolved, closed};
constexpr std::array from_resolved{open, in_progress, closed};
constexpr std::array from_closed{open};

} // namespace

std::string_view to_string(ticket_status status) {
  switch (status) {
  case open:
    return "open";
  case in_progress:
    return "in_progress";
  case resolved:
    return "resolved";
  case closed:
    return "closed";
  }
  return "";
}

std::string_view to_string(ticket_type type) {
  switch (type) {
  case ticket_type::bug:
    return "bug";
  case ticket_type::feature_request:
    return "feature_request";
  case ticket_type::question:
    return "question";
  case ticket_type::incident:
    return "incident";
  }
  return "";
}

result<ticket_status> parse_ticket_status(std::string_view text) {
  for (const auto status : all_statuses)
    if (to_string(status) == text)
      return status;
  return fail(errc::invalid_input, "unknown status; use open, in_progress, resolved or closed");
}

result<ticket_type> parse_ticket_type(std::string_view text) {
  for (const auto type : all_ticket_types)
    if (to_string(type) == text)
      return type;
  return fail(errc::invalid_input,
              "unknown ticket type; use bug, feature_request, question or incident");
}

std::span<const ticket_status> next_statuses(ticket_status from) {
  switch (from) {
  case open:
    return from_open;
  case in_progress:
    return from_in_progress;
  case resolved:
    return from_resolved;
  case closed:
    return from_closed;
  }
  return {};
}

outcome check_transition(ticket_status from, ticket_status to) {
  const auto allowed = next_statuses(from);
  if (from == to || std::ranges::find(allowed, to) != allowed.end())
    return done{};
  std::string names;
  for (const auto status : allowed)
    names += (names.empty() ? "" : ", ") + std::string{to_string(status)};
  return fail(errc::invalid_input,
              "a ticket that is " + std::string{to_string(from)} + " cannot become "
                + std::string{to_string(to)} + "; allowed from here: " + names);
}

} // namespace hub::domain
