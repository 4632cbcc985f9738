#include "http/sandbox/status_sender.hpp"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <memory>
#include <utility>

namespace hub::http::sandbox {
namespace {

constexpr long connect_within_ms = 2'000;
constexpr long answer_within_ms = 10'000;
constexpr int attempts = 6;

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

time_point wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

} // namespace

std::string hub_signature(const std::string& secret, const std::string& body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(),
       secret.data(),
       static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()),
       body.size(),
       digest.data(),
       &length);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string signature = "sha256=";
  for (unsigned i = 0; i < length; ++i) {
    signature += digits[digest[i] >> 4U];
    signature += digits[digest[i] & 0xfU];
  }
  return signature;
}

status_sender::status_sender(target to, world& reports) : to_{std::move(to)}, reports_{reports} {
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

void status_sender::send(const posting& what, int attempt) {
  const auto delay = attempt == 1 ? what.after : std::chrono::seconds{1 << (attempt - 2)};
  later_.after(delay, [this, what, attempt] { post(what, attempt); });
}

void status_sender::post(const posting& what, int attempt) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle{curl_easy_init(),
                                                                   &curl_easy_cleanup};
  if (!handle)
    return;
  const auto signature = "X-Hub-Signature-256: " + hub_signature(to_.secret, what.body);
  curl_slist* lines = nullptr;
  for (const auto* line : {"Content-Type: application/json", "Expect:", signature.c_str()})
    lines = curl_slist_append(lines, line);
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers{lines,
                                                                            &curl_slist_free_all};
  curl_easy_setopt(handle.get(), CURLOPT_URL, to_.url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, connect_within_ms);
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, answer_within_ms);
  curl_easy_setopt(handle.get(), CURLOPT_USERAGENT, "facebookexternalua");
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle.get(), CURLOPT_POST, 1L);
  curl_easy_setopt(
    handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
  curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, what.body.data());
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, ignore);
  const auto code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  reports_.posted(
    what, static_cast<int>(status), code == CURLE_OK ? "" : curl_easy_strerror(code), wall_clock());
  constexpr long ok = 200;
  if (status != ok && attempt < attempts)
    send(what, attempt + 1);
}

} // namespace hub::http::sandbox
