#include "actors/failure_bridge.hpp"

#include <caf/atom.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

#include <string>

namespace hub::actors {

namespace {

constexpr auto category = caf::atom("hub");

} // namespace

caf::error to_caf(const domain::failure& why) {
  const auto seconds = why.retry_after ? why.retry_after->count() : std::int64_t{-1};
  return {static_cast<std::uint8_t>(why.code),
          category,
          caf::make_message(why.message, static_cast<std::int64_t>(seconds))};
}

domain::failure from_caf(const caf::error& error) {
  if (error && error.category() == category
      && error.context().match_elements<std::string, std::int64_t>()) {
    auto why =
      domain::fail(static_cast<domain::errc>(error.code()), error.context().get_as<std::string>(0));
    if (const auto seconds = error.context().get_as<std::int64_t>(1); seconds >= 0)
      why.retry_after = std::chrono::seconds{seconds};
    return why;
  }
  if (error == caf::sec::request_timeout)
    return domain::fail(domain::errc::unknown_outcome,
                        "the answer did not come in time; the outcome is unknown");
  return domain::fail(domain::errc::unavailable, "the part that handles this is restarting");
}

domain::failure from_caf_reading(const caf::error& error) {
  if (error == caf::sec::request_timeout)
    return domain::fail(domain::errc::unavailable, "the database did not answer in time");
  return from_caf(error);
}

} // namespace hub::actors
