#include "main/http_call.hpp"

#include <curl/curl.h>

namespace hub::app {

namespace {

constexpr long connect_within_ms = 3'000;
constexpr long answer_within_ms = 30'000;

std::size_t append(char* data, std::size_t size, std::size_t count, void* into) {
  static_cast<std::string*>(into)->append(data, size * count);
  return size * count;
}

} // namespace

class http_caller::handle {
public:
  handle() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~handle() { curl_easy_cleanup(curl_); }
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;

  domain::result<http_answer>
  call(const std::string& url,
       const std::string* body,
       const std::vector<std::pair<std::string, std::string>>& headers) {
    if (curl_ == nullptr)
      curl_ = curl_easy_init();
    if (curl_ == nullptr)
      return domain::fail(domain::errc::internal, "libcurl could not be started");
    curl_easy_reset(curl_);
    http_answer answer;
    curl_slist* lines = curl_slist_append(nullptr, "Expect:");
    for (const auto& [name, value] : headers)
      lines = curl_slist_append(lines, std::string{name}.append(": ").append(value).c_str());
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, connect_within_ms);
    curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, answer_within_ms);
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer.body);
    if (body != nullptr) {
      curl_easy_setopt(curl_, CURLOPT_POST, 1L);
      curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
      curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body->data());
    }
    const auto code = curl_easy_perform(curl_);
    curl_slist_free_all(lines);
    if (code != CURLE_OK)
      return domain::fail(domain::errc::unavailable,
                          "no answer from " + url + " (" + curl_easy_strerror(code)
                            + "); is the hub running?");
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    return answer;
  }

private:
  CURL* curl_ = nullptr;
};

http_caller::http_caller(std::string base_url, const std::string& api_key)
  : base_url_{std::move(base_url)},
    authorization_{api_key.empty() ? std::string{} : "Bearer " + api_key},
    handle_{std::make_unique<handle>()} {}

http_caller::headers http_caller::with_key(headers more) const {
  if (!authorization_.empty())
    more.emplace_back("Authorization", authorization_);
  return more;
}

http_caller::~http_caller() = default;

domain::result<http_answer> http_caller::get(const std::string& path) {
  return handle_->call(base_url_ + path, nullptr, with_key({}));
}

domain::result<http_answer>
http_caller::post(const std::string& path, const std::string& body, const headers& more) {
  return handle_->call(base_url_ + path, &body, with_key(more));
}

} // namespace hub::app
