#pragma once

#include "domain/json_reading.hpp"
#include "domain/time.hpp"
#include "http/server/edge/request.hpp"
#include "http/server/edge/responder.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::http::sandbox {

using domain::json;
using domain::time_point;

/// Whom the sandbox plays.
enum class provider : std::uint8_t { slack, intercom, whatsapp, notion, openai, s3, smtp };

inline constexpr std::array all_providers{provider::slack,
                                          provider::intercom,
                                          provider::whatsapp,
                                          provider::notion,
                                          provider::openai,
                                          provider::s3,
                                          provider::smtp};

std::string_view to_string(provider which);
std::optional<provider> parse_provider(std::string_view name);

/// One HTTP call to a provider, at a moment that the caller chooses.
struct call {
  const edge::request& request;
  std::vector<std::string> path; // the segments behind the provider's name
  time_point now;
};

call call_of(const edge::request& request, time_point now);

/// What reached somebody: a message, a page, an answer.
struct delivery {
  std::string id;        // as the provider names it
  std::string recipient; // channel, conversation, number, address, data source
  std::string text;      // what a person reads
  json details = json::object();
};

/// What a provider did with one call.
struct outcome {
  edge::reply reply;
  std::optional<delivery> delivered = {};
};

/// What a provider can be told to answer in place of working.
struct trouble {
  enum class kind : std::uint8_t { broken, away, rate_limited, error };
  trouble::kind is = kind::broken;
  std::chrono::seconds retry_after{1};
  std::string code = {}; // of `error`, in the provider's own words
  time_point now = {};
};

/// Plays one provider by its documentation. No clock, no I/O, no locking: `world` has those.
class stand_in {
public:
  stand_in() = default;
  stand_in(const stand_in&) = delete;
  stand_in& operator=(const stand_in&) = delete;
  virtual ~stand_in() = default;

  /// The name of what is asked for, for faults and counters; empty when there is no such thing.
  [[nodiscard]] virtual std::string operation(const call& of) const = 0;
  virtual outcome handle(const call& what) = 0;
  /// The answer for a trouble, in the provider's form; nullopt for a code it does not have.
  [[nodiscard]] virtual std::optional<edge::reply> answer_to(const trouble& what) const = 0;
  /// What it keeps beside messages, for people to look at.
  [[nodiscard]] virtual json keeps() const { return json::object(); }
  virtual void clear() = 0;
};

} // namespace hub::http::sandbox
