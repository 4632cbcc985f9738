#include "http/sandbox/s3.hpp"

#include "http/sandbox/reading.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>
#include <vector>

namespace hub::http::sandbox {
namespace {

constexpr std::size_t most_bytes = 256UL * 1024 * 1024;
constexpr std::chrono::minutes clocks_may_differ{15};
constexpr auto algorithm = "AWS4-HMAC-SHA256";

edge::reply refusal(int status, std::string_view code) {
  return {.status = status,
          .content_type = "application/xml",
          .body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + std::string{code}
                  + "</Code><Message>The sandbox refuses this.</Message></Error>",
          .headers = {}};
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    std::array<char, 3> two{};
    std::snprintf(two.data(), two.size(), "%02x", static_cast<unsigned char>(c));
    text += two.data();
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(bytes.data(),
             bytes.size(),
             reinterpret_cast<unsigned char*>(digest.data()),
             &length,
             EVP_sha256(),
             nullptr);
  return {digest.data(), length};
}

std::string hmac(std::string_view key, std::string_view text) {
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  HMAC(EVP_sha256(),
       key.data(),
       static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()),
       text.size(),
       reinterpret_cast<unsigned char*>(digest.data()),
       &length);
  return {digest.data(), length};
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return parts;
    text.remove_prefix(end + 1);
  }
}

/// The value behind `name=` in "a=1, b=2".
std::string parameter(std::string_view header, std::string_view name) {
  const auto wanted = std::string{name} + '=';
  const auto at = header.find(wanted);
  if (at == std::string_view::npos)
    return {};
  const auto value = header.substr(at + wanted.size());
  return std::string{value.substr(0, value.find(','))};
}

/// Runs of blanks inside a value count as one.
std::string folded(std::string_view value) {
  std::string out;
  for (const char c : value)
    if (c != ' ' || !out.ends_with(' '))
      out += c;
  return out;
}

/// "20260301T093015Z"
std::string stamp_of(time_point at) {
  auto text = domain::to_rfc3339(at).substr(0, 19);
  std::erase(text, '-');
  std::erase(text, ':');
  return text + 'Z';
}

std::optional<edge::reply> stamp_fault(const std::string& stamp, time_point now) {
  if (stamp.size() != 16)
    return refusal(403, "AccessDenied");
  const auto earliest = stamp_of(now - clocks_may_differ);
  const auto latest = stamp_of(now + clocks_may_differ);
  return stamp < earliest || stamp > latest ? std::optional{refusal(403, "RequestTimeTooSkewed")}
                                            : std::nullopt;
}

/// "Authenticating Requests (AWS Signature Version 4)" of the S3 documentation, for requests whose
/// path and query need no escapes.
std::optional<edge::reply> signature_fault(const call& what) {
  const auto& request = what.request;
  const auto given = request.header("authorization").value_or("");
  if (!given.starts_with(algorithm))
    return refusal(403, "AccessDenied");
  const auto scope = split(parameter(given, "Credential"), '/');
  if (scope.size() != 5 || scope[3] != "s3" || scope[4] != "aws4_request")
    return refusal(400, "AuthorizationHeaderMalformed");
  if (scope[0] != s3::access_key_id)
    return refusal(403, "InvalidAccessKeyId");
  const std::string stamp{request.header("x-amz-date").value_or("")};
  if (auto fault = stamp_fault(stamp, what.now))
    return fault;
  if (!stamp.starts_with(scope[1]))
    return refusal(403, "SignatureDoesNotMatch");
  const std::string payload{request.header("x-amz-content-sha256").value_or("")};
  if (payload.empty())
    return refusal(400, "MissingSecurityHeader");
  if (payload != "UNSIGNED-PAYLOAD" && payload != hex(sha256(request.body)))
    return refusal(400, "XAmzContentSHA256Mismatch");

  const auto signed_names = parameter(given, "SignedHeaders");
  const auto names = split(signed_names, ';');
  for (const auto* needed : {"host", "x-amz-content-sha256", "x-amz-date"})
    if (std::ranges::find(names, needed) == names.end())
      return refusal(403, "AccessDenied");
  if (!std::ranges::is_sorted(names))
    return refusal(403, "SignatureDoesNotMatch");
  auto query = request.query;
  std::ranges::sort(query);
  std::string canonical = request.method + '\n' + request.path + '\n';
  for (std::size_t i = 0; i < query.size(); ++i)
    canonical += (i == 0 ? "" : "&") + query[i].first + '=' + query[i].second;
  canonical += '\n';
  for (const auto& name : names)
    canonical += name + ':' + folded(request.header(name).value_or("")) + '\n';
  canonical += '\n' + signed_names + '\n' + payload;

  const auto credential = scope[1] + '/' + scope[2] + "/s3/aws4_request";
  const auto to_sign =
    std::string{algorithm} + '\n' + stamp + '\n' + credential + '\n' + hex(sha256(canonical));
  auto key = hmac(std::string{"AWS4"} + s3::secret_access_key, scope[1]);
  for (const auto& part : {scope[2], std::string{"s3"}, std::string{"aws4_request"}})
    key = hmac(key, part);
  if (hex(hmac(key, to_sign)) != parameter(given, "Signature"))
    return refusal(403, "SignatureDoesNotMatch");
  return std::nullopt;
}

struct range {
  std::size_t first = 0;
  std::size_t last = 0;
};

/// "bytes=0-99"; nothing else is read.
std::optional<range> range_in(std::string_view header) {
  range found;
  if (!header.starts_with("bytes="))
    return std::nullopt;
  header.remove_prefix(6);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos)
    return std::nullopt;
  const auto number = [](std::string_view text, std::size_t& into) {
    const auto* end = text.data() + text.size();
    return std::from_chars(text.data(), end, into).ptr == end && !text.empty();
  };
  if (!number(header.substr(0, dash), found.first) || !number(header.substr(dash + 1), found.last)
      || found.last < found.first)
    return std::nullopt;
  return found;
}

std::string name_of_object(const call& what) {
  std::string name;
  for (const auto& part : what.path)
    name += (name.empty() ? "" : "/") + part;
  return name;
}

edge::reply bytes_reply(int status, std::string bytes) {
  return {.status = status,
          .content_type = "application/octet-stream",
          .body = std::move(bytes),
          .headers = {}};
}

} // namespace

std::string s3::operation(const call& of) const {
  const auto& method = of.request.method;
  return of.path.size() >= 2 && (method == "PUT" || method == "GET") ? method : "";
}

outcome s3::handle(const call& what) {
  if (operation(what).empty())
    return {refusal(405, "MethodNotAllowed")};
  if (auto fault = signature_fault(what))
    return {*std::move(fault)};
  if (what.path.front().starts_with("missing"))
    return {refusal(404, "NoSuchBucket")};
  const auto name = name_of_object(what);
  return what.request.method == "PUT" ? put(what, name) : get(what, name);
}

outcome s3::put(const call& what, const std::string& name) {
  auto& kept = objects_[name];
  if (bytes_ - kept.bytes.size() + what.request.body.size() > most_bytes)
    return {refusal(503, "SlowDown")};
  bytes_ = bytes_ - kept.bytes.size() + what.request.body.size();
  kept.bytes = what.request.body;
  ++kept.puts;
  auto answer = bytes_reply(200, {});
  answer.headers.emplace_back("ETag", '"' + hex(sha256(kept.bytes)).substr(0, 32) + '"');
  return {std::move(answer)};
}

outcome s3::get(const call& what, const std::string& name) const {
  const auto found = objects_.find(name);
  if (found == objects_.end())
    return {refusal(404, "NoSuchKey")};
  const auto& bytes = found->second.bytes;
  const auto asked = what.request.header("range");
  if (!asked)
    return {bytes_reply(200, bytes)};
  const auto wanted = range_in(*asked);
  if (!wanted || wanted->first >= bytes.size())
    return {refusal(416, "InvalidRange")};
  const auto last = std::min(wanted->last, bytes.size() - 1);
  auto answer = bytes_reply(206, bytes.substr(wanted->first, last - wanted->first + 1));
  answer.headers.emplace_back("Content-Range",
                              "bytes " + std::to_string(wanted->first) + '-' + std::to_string(last)
                                + '/' + std::to_string(bytes.size()));
  return {std::move(answer)};
}

std::optional<edge::reply> s3::answer_to(const trouble& what) const {
  switch (what.is) {
  case trouble::kind::broken:
    return refusal(500, "InternalError");
  case trouble::kind::away:
    return refusal(503, "ServiceUnavailable");
  case trouble::kind::rate_limited:
    return refusal(503, "SlowDown");
  case trouble::kind::error:
    break;
  }
  if (what.code == "AccessDenied" || what.code == "SignatureDoesNotMatch")
    return refusal(403, what.code);
  return what.code == "NoSuchBucket" ? std::optional{refusal(404, what.code)} : std::nullopt;
}

json s3::keeps() const {
  json all = json::object();
  for (const auto& [name, kept] : objects_)
    all[name] = {{"bytes", kept.bytes.size()}, {"puts", kept.puts}};
  return all.empty() ? json::object() : json{{"objects", std::move(all)}};
}

void s3::clear() {
  objects_.clear();
  bytes_ = 0;
}

} // namespace hub::http::sandbox
