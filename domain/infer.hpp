#pragma once

#include "domain/ticket.hpp"

#include <string_view>

namespace hub::domain {

/// What the words of a report suggest, before any person or model has looked.
struct inference {
  ticket_type type = ticket_type::feature_request;
  priority urgency = 3;
};

/// Reads type and priority (0 critical … 5 minimal) from English and Spanish text. Whole words only
/// ("highlight" is not "high"), negation counts ("not urgent" is not urgent).
inference infer(std::string_view text);

} // namespace hub::domain
