#pragma once

#include "domain/ticket.hpp"

#include <cstddef>
#include <string>

namespace hub::domain {

/// The longest summary of a ticket, in characters as people see them.
inline constexpr std::size_t longest_summary = 500;

/// What a model, or the words themselves, make of a ticket. A person accepts or rejects it.
struct triage_suggestion {
  ticket_type type{};
  priority urgency = 3;
  std::string summary;   // 1 to `longest_summary` characters, one paragraph, without personal data
  double confidence = 0; // 0 to 1
};

} // namespace hub::domain
