#include "http/outward/s3_store.hpp"

#include <string_view>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using storage::kept_file;

constexpr std::string_view scheme = "s3:";
constexpr std::string_view folder = "attachments/";
constexpr std::size_t room_for_words = std::size_t{64} << 10U; // of heads, and of refusals
constexpr std::chrono::seconds stored_within{60};
constexpr std::chrono::seconds read_within{20};

/// S3 wants the body's hash in a header; libcurl takes it from there into the signature.
std::pair<std::string, std::string> digest_header(const std::array<std::uint8_t, 32>& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : digest) {
    text += digits[byte >> 4U];
    text += digits[byte & 0xFU];
  }
  return {"x-amz-content-sha256", std::move(text)};
}

/// What an answer says that is not the one wanted. S3's own words are left out: they repeat keys.
domain::failure refusal(const client::reply& answer) {
  const auto shown = "s3: (" + std::to_string(answer.status) + ")";
  if (answer.status == 404)
    return fail(errc::not_found, shown);
  if (answer.status == 401 || answer.status == 403 || answer.status == 301)
    return fail(errc::forbidden, shown + "; look at the bucket, its region and the keys");
  if (answer.status >= 400 && answer.status < 500 && answer.status != 408 && answer.status != 429)
    return fail(errc::invalid_input, shown);
  return fail(errc::unavailable, shown);
}

class s3_store final : public storage::file_store {
public:
  s3_store(client::engine& engine, s3_account account)
    : engine_{engine}, account_{std::move(account)} {
    if (account_.endpoint.empty())
      account_.endpoint = "https://s3." + account_.as.region + ".amazonaws.com";
    while (account_.endpoint.ends_with('/'))
      account_.endpoint.pop_back();
  }

  void put(domain::uuid workspace,
           domain::uuid id,
           std::shared_ptr<const std::string> bytes,
           std::function<void(domain::result<kept_file>)> done) override {
    const auto object =
      account_.bucket + '/' + std::string{folder} + storage::key_of_file(workspace, id);
    kept_file kept{.place = std::string{scheme} + object,
                   .size = static_cast<std::int64_t>(bytes->size()),
                   .sha256 = storage::digest_of(*bytes)};
    auto call = call_to("PUT", object);
    call.body = *bytes;
    call.headers = {{"Content-Type", "application/octet-stream"}, digest_header(kept.sha256)};
    call.within = stored_within;
    engine_.send(
      std::move(call),
      [kept = std::move(kept), done = std::move(done)](const domain::result<client::reply>& reply) {
        if (!reply)
          return done(reply.why());
        done(reply->status == 200 ? domain::result<kept_file>{kept} : refusal(*reply));
      });
  }

  void read(std::string place,
            std::int64_t from,
            std::size_t most,
            std::function<void(domain::result<std::string>)> done) override {
    const auto object = place.starts_with(scheme) ? place.substr(scheme.size()) : std::string{};
    const auto inner = object.find('/');
    const std::string_view named = object;
    const bool sound = inner != std::string::npos && named.substr(inner + 1).starts_with(folder)
                       && storage::is_file_key(named.substr(inner + 1 + folder.size()));
    if (!sound || most == 0)
      return done(fail(errc::internal, "the place of a file is not one of this store's"));
    auto call = call_to("GET", object);
    call.headers = {{"Range",
                     "bytes=" + std::to_string(from) + '-'
                       + std::to_string(from + static_cast<std::int64_t>(most) - 1)},
                    {"Accept-Encoding", "identity"},
                    digest_header(storage::digest_of({}))};
    call.max_response = most + room_for_words;
    call.within = read_within;
    engine_.send(std::move(call),
                 [from, most, done = std::move(done)](domain::result<client::reply> reply) {
                   if (!reply)
                     return done(reply.why());
                   const bool whole = reply->status == 200 && from == 0;
                   if ((reply->status == 206 || whole) && reply->body.size() <= most)
                     return done(std::move(reply->body));
                   if (reply->status == 416)
                     return done(std::string{}); // nothing is left
                   done(refusal(*reply));
                 });
  }

private:
  [[nodiscard]] client::call call_to(const char* method, const std::string& object) const {
    client::call call;
    call.provider = "s3";
    call.operation = method;
    call.method = method;
    call.url = account_.endpoint + '/' + object;
    call.sign = account_.as;
    call.repeatable = true; // the same bytes under the same name
    return call;
  }

  client::engine& engine_;
  s3_account account_;
};

} // namespace

std::unique_ptr<storage::file_store> make_s3_store(client::engine& engine, s3_account account) {
  return std::make_unique<s3_store>(engine, std::move(account));
}

} // namespace hub::http
