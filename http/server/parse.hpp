#pragma once

#include "domain/ticket.hpp"
#include "http/server/edge/request.hpp"
#include "http/server/respond.hpp"
#include "storage/reads/read_store.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::http {

/// The UUID in the path parameter `name`; `not_found` for anything else, since no such thing
/// exists.
domain::result<domain::uuid> id_in_path(const edge::request& request, std::string_view name);

/// The body as a JSON object: `unsupported_media` without `application/json`, `malformed` for what
/// is not JSON or not an object.
domain::result<nlohmann::json> json_body(const edge::request& request);

/// The version of `If-Match: "3"`; nothing when the header is absent or `*`.
domain::result<std::optional<std::int64_t>> version_in_if_match(const edge::request& request);

/// The caller's Idempotency-Key bound to this very request; nothing when absent.
domain::result<std::optional<domain::idempotency_record>>
idempotency_of(const edge::request& request, int status);

/// What every call that changes something brings along.
struct mutation {
  nlohmann::json body; // an object
  std::optional<std::int64_t> expected_version;
  std::optional<domain::idempotency_record> idempotency;

  [[nodiscard]] std::optional<std::string> key() const {
    return idempotency ? std::optional{idempotency->key} : std::nullopt;
  }
};

/// Body, If-Match and Idempotency-Key of a call that answers `status` when it succeeds.
domain::result<mutation> read_mutation(const edge::request& request, int status);

/// Reads query parameters and collects what is wrong with them.
class parameters {
public:
  explicit parameters(const edge::request& request) : request_{request} {}

  /// A whole number within bounds; `fallback` when absent.
  int number(std::string_view name, int fallback, int least, int most);
  /// Comma-separated or repeated values, each read by `parse`.
  template <class T>
  std::vector<T> list(std::string_view name,
                      const std::function<domain::result<T>(std::string_view)>& parse) {
    std::vector<T> values;
    for (const auto& text : texts(name))
      if (auto value = parse(text))
        values.push_back(*value);
      else
        faults_.push_back({std::string{name}, value.why().message});
    return values;
  }
  std::optional<domain::uuid> id(std::string_view name);
  std::string text(std::string_view name, std::size_t longest);
  void fault(std::string_view name, std::string message);

  [[nodiscard]] const std::vector<field_error>& faults() const { return faults_; }

private:
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;

  const edge::request& request_;
  std::vector<field_error> faults_;
};

domain::result<domain::priority> parse_priority(std::string_view text);

/// An opaque cursor and back: where a page of tickets ends.
std::string to_cursor(const storage::ticket_position& at);
std::optional<storage::ticket_position> parse_cursor(std::string_view text);

} // namespace hub::http
