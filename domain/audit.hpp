#pragma once

#include "domain/uuid.hpp"

#include <optional>
#include <string>

namespace hub::domain {

/// Who did something and from where, as it is kept for ever.
struct actor_stamp {
  std::string type = "nobody"; // user, api_key, client, command_line, nobody
  std::optional<uuid> id;
  std::string label;      // an email, a key's name: as it was then
  std::string address;    // the caller's; empty for the command line
  std::string request_id; // as in the log
};

/// One line of the record of who did what. What changed is shown without secrets.
struct audit_record {
  uuid id;
  actor_stamp by;
  std::string what;   // past participle: job_kind_paused, api_key_revoked …
  std::string target; // an id, a job class
  std::string before; // JSON; empty: there was nothing
  std::string after;  // JSON; empty: nothing is left
};

} // namespace hub::domain
