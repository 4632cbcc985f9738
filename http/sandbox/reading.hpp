#pragma once

#include "http/sandbox/stand_in.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// What all providers do with a request before they differ.
namespace hub::http::sandbox {

/// By what a token is called, so that every refusal can be had without a set-up.
enum class token_state : std::uint8_t { missing, revoked, invalid, good };

/// Bearer tokens: `revoked…` was revoked, `invalid…` never existed, any other one is good.
token_state token_of(const edge::request& request);
token_state token_state_of(std::string_view token);

/// The media type without its parameters, in lower case.
std::string media_type(const edge::request& request);

/// The body as a JSON object; nullopt unless it is well-formed to the letter.
std::optional<json> json_object(std::string_view body);

/// The body as form fields; the first of equal names wins.
std::map<std::string, std::string> form_fields(std::string_view body);

std::size_t count_characters(std::string_view utf8);
/// As JavaScript counts: a character outside the basic plane is two.
std::size_t count_utf16(std::string_view utf8);
/// At most so many characters, never half of one.
std::string first_characters(std::string_view utf8, std::size_t count);

bool is_uuid(std::string_view text);
/// Lower case, with dashes.
std::string plain_uuid(std::string_view text);

enum class shape : std::uint8_t { text, number, integer, boolean, object, array, any };

std::string_view name_of(shape what);

/// One field that an object may have.
struct field {
  std::string_view name;
  shape is;
  bool required = false;
  std::size_t most = std::numeric_limits<std::size_t>::max(); // characters or elements
  std::string_view one_of = {};                               // "a|b": nothing else
};

/// The first thing wrong with an object.
struct problem {
  enum class kind : std::uint8_t { missing, unknown, wrong_type, too_long, not_one_of };
  problem::kind is;
  std::string name;
  field rule = {};
};

std::optional<problem> find_problem(const json& object, std::span<const field> fields);

/// `text` is one of "a|b|c".
bool is_one_of(std::string_view text, std::string_view options);

edge::reply json_reply(int status, const json& body);

/// A name that looks like an id and repeats from run to run.
std::string made_id(std::string_view prefix, std::uint64_t number);
std::string made_uuid(std::uint64_t number);

/// Well mixed bits of a number or a text; the same in every run.
std::uint64_t mix(std::uint64_t number);
std::uint64_t mix(std::string_view text);

/// What is not base64 is skipped.
std::string from_base64(std::string_view text);

std::int64_t unix_seconds(time_point at);

} // namespace hub::http::sandbox
