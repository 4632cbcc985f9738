#include "http/server/parse.hpp"

#include "domain/json_reading.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end && !text.empty() ? std::optional{value} : std::nullopt;
}

bool is_json(std::string_view content_type) {
  auto media = content_type.substr(0, content_type.find(';'));
  media = media.substr(0, media.find_last_not_of(" \t") + 1);
  std::string folded{media.substr(0, 64)};
  std::ranges::transform(folded, folded.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return folded == "application/json" || folded == "application/merge-patch+json";
}

} // namespace

domain::result<domain::uuid> id_in_path(const edge::request& request, std::string_view name) {
  const auto id = domain::parse_uuid(request.path_parameter(name));
  if (!id)
    return fail(errc::not_found, "there is nothing with this id");
  return *id;
}

domain::result<nlohmann::json> json_body(const edge::request& request) {
  if (!is_json(request.header("content-type").value_or("")))
    return fail(errc::unsupported_media, "send the body as application/json");
  if (domain::nests_too_deep(request.body)) // copying and writing JSON recurse once per level
    return fail(errc::malformed, "the body nests JSON more than 64 levels deep");
  auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (body.is_discarded())
    return fail(errc::malformed, "the body is not valid JSON");
  if (!body.is_object())
    return fail(errc::malformed, "the body must be a JSON object");
  return body;
}

domain::result<std::optional<std::int64_t>> version_in_if_match(const edge::request& request) {
  const auto header = request.header("if-match");
  if (!header || *header == "*")
    return std::optional<std::int64_t>{};
  auto text = *header;
  if (text.starts_with("W/"))
    text.remove_prefix(2);
  if (text.size() > 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  const auto version = number_in<std::int64_t>(text);
  if (!version || *version < 1)
    return fail(errc::malformed, "If-Match must hold the ticket's version, as in \"3\"");
  return std::optional{*version};
}

domain::result<std::optional<domain::idempotency_record>>
idempotency_of(const edge::request& request, int status) {
  const auto key = request.header("idempotency-key");
  if (!key)
    return std::optional<domain::idempotency_record>{};
  const bool printable =
    key->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+/=")
    == std::string_view::npos;
  if (key->empty() || key->size() > 255 || !printable)
    return fail(errc::malformed,
                "Idempotency-Key must be 1 to 255 letters, digits or any of - _ . : + / =");
  domain::idempotency_record record;
  record.key = std::string{*key};
  record.status = status;
  auto whole = request.method;
  whole.append("\n").append(request.path);
  for (const auto& [name, value] : request.query)
    whole.append("\n").append(name).append("=").append(value);
  whole.append("\n").append(request.body);
  unsigned int length = 0;
  EVP_Digest(
    whole.data(), whole.size(), record.request_hash.data(), &length, EVP_sha256(), nullptr);
  return std::optional{std::move(record)};
}

domain::result<mutation> read_mutation(const edge::request& request, int status) {
  auto body = json_body(request);
  if (!body)
    return std::move(body).why();
  auto version = version_in_if_match(request);
  if (!version)
    return std::move(version).why();
  auto idempotency = idempotency_of(request, status);
  if (!idempotency)
    return std::move(idempotency).why();
  return mutation{*std::move(body), *version, *std::move(idempotency)};
}

std::vector<std::string> parameters::texts(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : request_.query) {
    if (key != name)
      continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = rest.find(',');
      if (const auto part = rest.substr(0, comma); !part.empty())
        values.emplace_back(part);
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
  }
  return values;
}

int parameters::number(std::string_view name, int fallback, int least, int most) {
  const auto text = request_.query_parameter(name);
  if (!text)
    return fallback;
  const auto value = number_in<int>(*text);
  if (value && *value >= least && *value <= most)
    return *value;
  fault(name,
        "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return fallback;
}

std::optional<domain::uuid> parameters::id(std::string_view name) {
  const auto text = request_.query_parameter(name);
  if (!text || text->empty())
    return std::nullopt;
  const auto id = domain::parse_uuid(*text);
  if (!id) {
    fault(name, id.why().message);
    return std::nullopt;
  }
  return *id;
}

std::string parameters::text(std::string_view name, std::size_t longest) {
  const auto value = request_.query_parameter(name).value_or("");
  if (value.size() > longest) {
    fault(name, "must be at most " + std::to_string(longest) + " bytes");
    return {};
  }
  return std::string{value};
}

void parameters::fault(std::string_view name, std::string message) {
  faults_.push_back({std::string{name}, std::move(message)});
}

domain::result<domain::priority> parse_priority(std::string_view text) {
  const auto value = number_in<int>(text);
  if (!value || *value < domain::highest_priority || *value > domain::lowest_priority)
    return fail(errc::invalid_input, "must be a priority from 0 (critical) to 5 (minimal)");
  return *value;
}

std::string to_cursor(const storage::ticket_position& at) {
  return std::to_string(at.created_at.time_since_epoch().count()) + '.' + std::to_string(at.urgency)
         + '.' + to_string(at.id);
}

std::optional<storage::ticket_position> parse_cursor(std::string_view text) {
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos)
    return std::nullopt;
  const auto milliseconds = number_in<std::int64_t>(text.substr(0, first));
  const auto urgency = parse_priority(text.substr(first + 1, second - first - 1));
  const auto id = domain::parse_uuid(text.substr(second + 1));
  constexpr std::int64_t latest = 253402300799999; // 9999-12-31
  if (!milliseconds || *milliseconds < 0 || *milliseconds > latest || !urgency || !id)
    return std::nullopt;
  return storage::ticket_position{
    domain::time_point{std::chrono::milliseconds{*milliseconds}}, *id, *urgency};
}

} // namespace hub::http
