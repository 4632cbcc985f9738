#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"
#include "http/providers/sent.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Mail. Failures of the reader: `unavailable` (4xx: try again), and for good `unauthorized`,
/// `not_found` (the address), `too_large`, `forbidden`, `invalid_input`. A drop after the message
/// has left is the engine's `unknown_outcome`.
namespace hub::http::providers::smtp {

struct server {
  std::string url; // smtp://host:587 or smtps://host:465; may hold user and password
  std::string user;
  std::string password;
  bool require_tls = true;
  bool user_url = false; // somebody entered it in a form: public addresses only
};

struct letter {
  std::string from; // a bare address
  std::string from_name;
  std::string to; // a bare address
  std::string to_name;
  std::string subject;
  std::string text;
  std::string delivery_id;
  std::string in_reply_to;             // a Message-ID with its angle brackets, or empty
  std::vector<std::string> references; // likewise, oldest first
};

/// The Message-ID of a delivery: the same however often it is sent, so that a mailbox shows it
/// once.
[[nodiscard]] std::string message_id_of(std::string_view delivery_id, std::string_view from);

/// Builds the message. Nothing in a letter can add a header or a recipient: addresses that are none
/// are `invalid_input`, names and the subject are encoded, ids that are none are left out.
domain::result<client::mail> compose(const server& by, const letter& what, domain::time_point date);

/// The id is `message_id`, as `message_id_of` gave it.
domain::result<sent> read_sent(const client::reply& answer, const std::string& message_id);

} // namespace hub::http::providers::smtp
