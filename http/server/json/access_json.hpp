#pragma once

#include "storage/identity/identity_store.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace hub::http {

// Who may enter, as the contract shows them; never a secret or its hash.

[[nodiscard]] nlohmann::json to_json(const domain::principal& who);
[[nodiscard]] nlohmann::json to_json(const storage::open_session& session,
                                     const std::string& csrf_token);
[[nodiscard]] nlohmann::json to_json(const storage::session_row& session, bool is_this_one);
[[nodiscard]] nlohmann::json to_json(const storage::person_row& person);
[[nodiscard]] nlohmann::json to_json(const storage::key_row& key);
[[nodiscard]] nlohmann::json to_json(const storage::audit_row& line);

/// The record as a CSV file: the line of names, and one line.
[[nodiscard]] std::string audit_csv_head();
[[nodiscard]] std::string to_csv(const storage::audit_row& line);

} // namespace hub::http
