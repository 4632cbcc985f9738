#pragma once

#include "domain/failure.hpp"
#include "http/server/edge/responder.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace hub::http {

/// One thing wrong with one field of a request.
struct field_error {
  std::string field;
  std::string message;
};

/// JSON that is already written.
edge::reply json_reply(int status, std::string body);

/// JSON that is true this moment, or for this caller, only: no cache keeps it.
edge::reply momentary(int status, const nlohmann::json& body);

/// The one place where a failure becomes a status code and an error body.
edge::reply error_reply(const domain::failure& why);

/// What a provider hears when its authentic delivery could not be taken in: 503, whatever the
/// reason, since a 4xx would make it give up and lose the delivery; 500 for a fault of our own.
edge::reply not_stored_reply(const domain::failure& why);

/// What a caller hears when its change is saved but could not be read back: where to read it.
edge::reply saved_unread_reply(const std::string& location);

/// 422 with every field's fault.
edge::reply invalid_fields(const std::vector<field_error>& faults);

/// 400 with every parameter's fault.
edge::reply invalid_parameters(const std::vector<field_error>& faults);

/// An error with a code of its own, where the failure's code says too little.
edge::reply error_reply(int status, const char* code, const std::string& message);

} // namespace hub::http
