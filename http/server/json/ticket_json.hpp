#pragma once

#include "storage/reads/read_store.hpp"

#include <nlohmann/json.hpp>

namespace hub::http {

// Rows as the contract's JSON. Field names are fixed by the contract.

nlohmann::json to_json(const storage::ticket_row& ticket);
nlohmann::json to_json(const storage::ticket_detail& detail);
nlohmann::json to_json(const storage::delivery_row& delivery);
/// As a ticket's detail shows it.
nlohmann::json event_json(const storage::event_row& event);

/// Compact text; bytes that are not UTF-8 are replaced, never thrown at.
std::string text_of(const nlohmann::json& value);

} // namespace hub::http
