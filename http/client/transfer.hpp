#pragma once

#include "domain/result.hpp"
#include "http/client/call.hpp"

#include <curl/curl.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hub::http::client {

using request = std::variant<call, mail>;

/// What every transfer of one engine shares.
struct transfer_settings {
  std::string user_agent;
  std::string trusted;           // PEM; empty: libcurl's own choice
  curl_slist* resolve = nullptr; // not owned
  const std::atomic<bool>* stopping = nullptr;
};

/// One call as libcurl sees it; used on the engine's thread alone, and never moved: libcurl's
/// callbacks hold its address.
class transfer {
public:
  explicit transfer(request what);
  ~transfer();
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  [[nodiscard]] const std::string& provider() const;
  [[nodiscard]] const std::string& operation() const;

  /// Makes the handle ready to run; the call may take `left` from now.
  domain::outcome prepare(const transfer_settings& with, std::chrono::milliseconds left);
  /// Null until prepared.
  [[nodiscard]] CURL* handle() const { return easy_; }

  /// What libcurl's verdict means. Called once, when the transfer is over.
  domain::result<reply> finish(CURLcode verdict);
  /// Before a transfer under way is taken from libcurl, which would end the message that a mail
  /// server has half of, and wait for the verdict on it.
  void hang_up() const;
  /// The failure of a transfer that is ended from outside.
  [[nodiscard]] domain::failure lost(std::string_view why) const;

  [[nodiscard]] bool may_have_left() const { return may_have_left_; }
  [[nodiscard]] std::chrono::microseconds took() const;
  [[nodiscard]] std::uint64_t connections_opened() const;

private:
  // NOLINTBEGIN(readability-identifier-naming): the names are ours, the signatures libcurl's
  static int on_ready(void* self, char* remote, char* local, int remote_port, int local_port);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t on_head(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  static std::size_t on_message(char* into, std::size_t size, std::size_t count, void* self);
  // NOLINTEND(readability-identifier-naming)

  void prepare_common(const transfer_settings& with, std::chrono::milliseconds left);
  void prepare_call(const call& what);
  void prepare_mail(const mail& what, const transfer_settings& with);
  void sign(const aws_signer& as);
  void connect_directly();
  void add_header(const std::string& line);
  void read_header(std::string_view line);
  void read_mail_reply(std::string_view line);
  domain::result<reply> finish_mail(CURLcode verdict);
  [[nodiscard]] std::string words_for(CURLcode verdict) const;
  [[nodiscard]] int status() const;
  [[nodiscard]] bool answered_early(CURLcode verdict) const;
  template <class Value>
  void set(CURLoption option, Value value);

  request what_;
  CURL* easy_ = nullptr;
  curl_slist* lines_ = nullptr;
  curl_slist* recipients_ = nullptr;
  CURLcode refused_ = CURLE_OK; // the first option that was not taken
  reply reply_;
  std::vector<int> lines_out_; // a mail's connections, by descriptors that libcurl does not close
  const std::atomic<bool>* stopping_ = nullptr;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t head_bytes_ = 0;
  std::size_t message_sent_ = 0;
  bool may_have_left_ = false;
  bool repeatable_ = false;
  bool user_url_ = false;
  bool blocked_ = false;   // an address was not public …
  bool connected_ = false; // … but another was
  bool too_large_ = false;
  bool settled_ = false; // the mail server has accepted the message, or refused a part of it
};

} // namespace hub::http::client
