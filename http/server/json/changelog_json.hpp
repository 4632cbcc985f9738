#pragma once

#include "storage/reads/release_reads.hpp"

#include <nlohmann/json.hpp>

namespace hub::http {

/// As the contract has it, with the version that whoever edits or approves it has to name.
nlohmann::json to_json(const storage::changelog_row& entry);

} // namespace hub::http
