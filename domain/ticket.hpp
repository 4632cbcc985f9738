#pragma once

#include "domain/channel.hpp"
#include "domain/result.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

enum class ticket_status : std::uint8_t { open, in_progress, resolved, closed };
enum class ticket_type : std::uint8_t { bug, feature_request, question, incident };

/// 0 critical, 1 high, 2 medium, 3 normal, 4 low, 5 minimal.
using priority = int;
inline constexpr priority highest_priority = 0;
inline constexpr priority lowest_priority = 5;

inline constexpr std::array all_statuses{
  ticket_status::open, ticket_status::in_progress, ticket_status::resolved, ticket_status::closed};
inline constexpr std::array all_ticket_types{
  ticket_type::bug, ticket_type::feature_request, ticket_type::question, ticket_type::incident};

[[nodiscard]] std::string_view to_string(ticket_status status);
[[nodiscard]] std::string_view to_string(ticket_type type);
[[nodiscard]] result<ticket_status> parse_ticket_status(std::string_view text);
[[nodiscard]] result<ticket_type> parse_ticket_type(std::string_view text);

/// The states a ticket may go to from `from`; the state machine's only table.
[[nodiscard]] std::span<const ticket_status> next_statuses(ticket_status from);

/// Success when the machine allows the step (staying is allowed and means no change);
/// `invalid_input` naming the allowed states otherwise.
[[nodiscard]] outcome check_transition(ticket_status from, ticket_status to);

/// Whether work on the ticket is over, so that a new message may reopen it.
[[nodiscard]] constexpr bool is_finished(ticket_status status) {
  return status == ticket_status::resolved || status == ticket_status::closed;
}

} // namespace hub::domain
