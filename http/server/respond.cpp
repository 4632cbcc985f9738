#include "http/server/respond.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using nlohmann::json;

constexpr std::chrono::seconds default_retry{2};

int status_of(errc code) {
  switch (code) { // no default: a new errc must fail to compile here
  case errc::malformed:
    return 400;
  case errc::invalid_input:
    return 422;
  case errc::unauthorized:
    return 401;
  case errc::forbidden:
    return 403;
  case errc::not_found:
    return 404;
  case errc::conflict:
    return 409;
  case errc::too_large:
    return 413;
  case errc::unsupported_media:
    return 415;
  case errc::rate_limited:
    return 429;
  case errc::unavailable:
  case errc::unknown_outcome:
    return 503;
  case errc::timed_out:
    return 504;
  case errc::internal:
    return 500;
  }
  return 500;
}

edge::reply reply_with(int status, const json& body) {
  return json_reply(status, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

edge::reply with_faults(int status,
                        const char* code,
                        const char* summary,
                        const std::vector<field_error>& faults) {
  json details = json::array();
  for (const auto& fault : faults)
    details.push_back({{"field", fault.field}, {"message", fault.message}});
  const auto error =
    faults.size() == 1 ? faults.front().field + ": " + faults.front().message : summary;
  return reply_with(status, {{"error", error}, {"code", code}, {"details", details}});
}

} // namespace

edge::reply json_reply(int status, std::string body) {
  return {
    .status = status, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

edge::reply momentary(int status, const json& body) {
  auto reply = reply_with(status, body);
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

edge::reply error_reply(int status, const char* code, const std::string& message) {
  return reply_with(status, {{"error", message}, {"code", code}});
}

edge::reply error_reply(const domain::failure& why) {
  // What went wrong inside is for the log; a client can act on none of it.
  const auto& message = why.code == errc::internal
                          ? "something went wrong here; the request id finds it in the log"
                          : why.message;
  auto reply = error_reply(status_of(why.code), to_string(why.code), message);
  if (reply.status == 429 || reply.status == 503)
    reply.headers.emplace_back("Retry-After",
                               std::to_string(why.retry_after.value_or(default_retry).count()));
  return reply;
}

edge::reply not_stored_reply(const domain::failure& why) {
  if (why.code == errc::internal)
    return error_reply(why);
  auto unstored = domain::fail(errc::unavailable, "the delivery is not stored yet; send it again");
  unstored.retry_after = why.retry_after;
  return error_reply(unstored);
}

edge::reply saved_unread_reply(const std::string& location) {
  auto reply = error_reply(
    domain::fail(errc::unknown_outcome,
                 "the change is saved, but could not be read back; read it at the Location of this "
                 "answer and do not send it again without its Idempotency-Key"));
  reply.headers.emplace_back("Location", location);
  return reply;
}

edge::reply invalid_fields(const std::vector<field_error>& faults) {
  return with_faults(422, "invalid_input", "some fields are not right; see details", faults);
}

edge::reply invalid_parameters(const std::vector<field_error>& faults) {
  return with_faults(
    400, "invalid_parameter", "some parameters are not right; see details", faults);
}

} // namespace hub::http
