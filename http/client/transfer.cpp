#include "http/client/transfer.hpp"

#include "http/client/public_address.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <type_traits>
#include <utility>

namespace hub::http::client {

namespace {

using domain::errc;
using domain::fail;

// Shorter than the idle limits of load balancers: a connection they are about to close is no use.
constexpr long idle_connection_s = 45;

std::string lowered(std::string_view text) {
  std::string out{text};
  std::ranges::transform(
    out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

} // namespace

transfer::transfer(request what) : what_{std::move(what)} {
  if (const auto* http = std::get_if<call>(&what_)) {
    repeatable_ = http->repeatable;
    user_url_ = http->user_url;
  } else {
    user_url_ = std::get<mail>(what_).user_url;
  }
}

transfer::~transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(lines_);
  curl_slist_free_all(recipients_);
  for (const auto connection : lines_out_)
    ::close(connection);
}

const std::string& transfer::provider() const {
  return std::visit([](const auto& what) -> const std::string& { return what.provider; }, what_);
}

const std::string& transfer::operation() const {
  return std::visit([](const auto& what) -> const std::string& { return what.operation; }, what_);
}

template <class Value>
void transfer::set(CURLoption option, Value value) {
  const auto code = curl_easy_setopt(easy_, option, value);
  if (refused_ == CURLE_OK)
    refused_ = code;
}

domain::outcome transfer::prepare(const transfer_settings& with, std::chrono::milliseconds left) {
  easy_ = curl_easy_init();
  if (easy_ == nullptr)
    return fail(errc::unavailable, "libcurl has no room for another call");
  prepare_common(with, left);
  std::visit(
    [&](const auto& what) {
      if constexpr (std::is_same_v<std::decay_t<decltype(what)>, call>)
        prepare_call(what);
      else
        prepare_mail(what, with);
    },
    what_);
  if (refused_ != CURLE_OK)
    return fail(errc::internal,
                std::string{"libcurl refuses an option: "} + curl_easy_strerror(refused_));
  return domain::done{};
}

void transfer::prepare_common(const transfer_settings& with, std::chrono::milliseconds left) {
  const auto connect_within =
    std::visit([](const auto& what) { return what.connect_within; }, what_);
  deadline_ = std::chrono::steady_clock::now() + left;
  set(CURLOPT_NOSIGNAL, 1L);
  // A resolver that hangs must not hold up the engine's thread when its call is over.
  set(CURLOPT_QUICK_EXIT, 1L);
  // 0 would mean "no limit".
  set(CURLOPT_CONNECTTIMEOUT_MS, std::max<long>(std::min(connect_within, left).count(), 1));
  set(CURLOPT_TIMEOUT_MS, std::max<long>(left.count(), 1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_USERAGENT, with.user_agent.c_str());
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_MAXAGE_CONN, idle_connection_s);
  set(CURLOPT_RESOLVE, with.resolve);
  if (!with.trusted.empty()) {
    curl_blob trusted{
      const_cast<char*>(with.trusted.data()), with.trusted.size(), CURL_BLOB_NOCOPY};
    set(CURLOPT_CAINFO_BLOB, &trusted);
  }
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &transfer::on_socket);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_HEADERFUNCTION, &transfer::on_head);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
}

void transfer::prepare_call(const call& what) {
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_URL, what.url.c_str());
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // Rather share a connection that is being opened than open one for each call of a burst.
  set(CURLOPT_PIPEWAIT, what.url.starts_with("https:") ? 1L : 0L);
  set(CURLOPT_ACCEPT_ENCODING, "");
  set(CURLOPT_PREREQFUNCTION, &transfer::on_ready);
  set(CURLOPT_PREREQDATA, this);
  if (what.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (what.method != "GET") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
    set(CURLOPT_POSTFIELDS, what.body.data());
    set(CURLOPT_CUSTOMREQUEST, what.method.c_str());
  }
  // libcurl signs a header that it is told to leave out as one that is empty.
  const bool is_signed = !what.sign.access_key_id.empty();
  if (is_signed)
    sign(what.sign);
  else
    add_header("Expect:");
  if (!is_signed && std::ranges::none_of(what.headers, [](const auto& header) {
        return lowered(header.first) == "content-type";
      }))
    add_header("Content-Type:");
  for (const auto& [name, value] : what.headers)
    // libcurl takes "Name:" for the wish to leave the header out.
    add_header(trimmed(value).empty() ? name + ";" : std::string{name}.append(": ").append(value));
  set(CURLOPT_HTTPHEADER, lines_);
  if (what.user_url)
    connect_directly();
}

void transfer::sign(const aws_signer& as) {
  set(CURLOPT_AWS_SIGV4, ("aws:amz:" + as.region + ":s3").c_str());
  set(CURLOPT_USERNAME, as.access_key_id.c_str());
  set(CURLOPT_PASSWORD, as.secret_access_key.c_str());
}

void transfer::connect_directly() {
  // A proxy would resolve the name itself, and a kept connection was checked for somebody else.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
}

void transfer::prepare_mail(const mail& what, const transfer_settings& with) {
  set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(CURLOPT_URL, what.url.c_str());
  if (what.user_url)
    connect_directly();
  set(CURLOPT_USE_SSL, static_cast<long>(what.require_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (!what.user.empty()) {
    set(CURLOPT_USERNAME, what.user.c_str());
    set(CURLOPT_PASSWORD, what.password.c_str());
  }
  set(CURLOPT_MAIL_FROM, ("<" + what.from + ">").c_str());
  for (const auto& recipient : what.recipients) {
    auto* longer = curl_slist_append(recipients_, ("<" + recipient + ">").c_str());
    if (longer == nullptr)
      refused_ = CURLE_OUT_OF_MEMORY;
    else
      recipients_ = longer;
  }
  set(CURLOPT_MAIL_RCPT, recipients_);
  set(CURLOPT_UPLOAD, 1L);
  // libcurl says goodbye to mail servers with its thread waiting, up to two minutes. Let that be
  // within this call, where `on_progress` ends it, and not later when a kept connection is dropped.
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  stopping_ = with.stopping;
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &transfer::on_progress);
  set(CURLOPT_XFERINFODATA, this);
  set(CURLOPT_READFUNCTION, &transfer::on_message);
  set(CURLOPT_READDATA, this);
}

void transfer::add_header(const std::string& line) {
  auto* longer = curl_slist_append(lines_, line.c_str());
  if (longer == nullptr)
    refused_ = CURLE_OUT_OF_MEMORY;
  else
    lines_ = longer;
}

int transfer::on_ready(void* self, char*, char*, int, int) {
  auto& me = *static_cast<transfer*>(self);
  // libcurl sends a request again when a reused connection closes without an answer. The provider
  // may have done the work all the same, so only what is repeatable goes out twice.
  if (me.may_have_left_ && !me.repeatable_)
    return CURL_PREREQFUNC_ABORT;
  me.may_have_left_ = true;
  return CURL_PREREQFUNC_OK;
}

curl_socket_t transfer::on_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& me = *static_cast<transfer*>(self);
  // Checked on the address that is about to be connected to, so a name that resolves differently
  // the next time gains nothing.
  if (me.user_url_ && !is_public(address->addr)) {
    me.blocked_ = true;
    return CURL_SOCKET_BAD;
  }
  me.connected_ = true;
  // Close-on-exec: processes the hub starts must not hold a provider's connection.
  const auto opened =
    ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (opened >= 0 && std::holds_alternative<mail>(me.what_))
    if (const auto known = ::fcntl(opened, F_DUPFD_CLOEXEC, 0); known >= 0)
      me.lines_out_.push_back(known);
  return opened;
}

std::size_t transfer::on_head(char* data, std::size_t size, std::size_t count, void* self) {
  auto& me = *static_cast<transfer*>(self);
  const std::string_view line{data, size * count};
  const auto* http = std::get_if<call>(&me.what_);
  if (http == nullptr) {
    me.read_mail_reply(line);
    // A refusal ends the dialogue: libcurl would go on to wait for an answer to QUIT.
    return me.settled_ && me.reply_.status >= 400 ? 0 : line.size();
  }
  me.head_bytes_ += line.size();
  me.too_large_ = me.head_bytes_ > http->max_response;
  if (me.too_large_)
    return 0;
  me.read_header(line);
  return line.size();
}

void transfer::read_header(std::string_view line) {
  if (line.starts_with("HTTP/")) { // a head follows 100 Continue, and a proxy's own answer
    reply_.headers.clear();
    return;
  }
  const auto colon = line.find(':');
  if (colon != std::string_view::npos)
    reply_.headers.emplace_back(lowered(trimmed(line.substr(0, colon))),
                                trimmed(line.substr(colon + 1)));
}

void transfer::read_mail_reply(std::string_view line) {
  if (settled_ || line.size() < 3 || (line.size() > 3 && line[3] == '-'))
    return;
  int code = 0;
  if (std::from_chars(line.data(), line.data() + 3, code).ptr != line.data() + 3)
    return;
  reply_.status = code;
  reply_.body = trimmed(line);
  // 354 asks for the message; what comes after all of it has gone is the verdict on it.
  settled_ = code >= 400 || (code != 354 && message_sent_ == std::get<mail>(what_).message.size());
}

std::size_t transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& me = *static_cast<transfer*>(self);
  const auto* http = std::get_if<call>(&me.what_);
  const auto bytes = size * count;
  if (http == nullptr)
    return bytes;
  me.too_large_ = bytes > http->max_response - me.reply_.body.size();
  if (me.too_large_)
    return 0;
  me.reply_.body.append(data, bytes);
  return bytes;
}

/// Called about once a second while libcurl waits for a mail server.
int transfer::on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& me = *static_cast<transfer*>(self);
  const bool over = me.settled_ || *me.stopping_ || std::chrono::steady_clock::now() > me.deadline_;
  return over ? 1 : 0;
}

std::size_t transfer::on_message(char* into, std::size_t size, std::size_t count, void* self) {
  auto& me = *static_cast<transfer*>(self);
  const auto& message = std::get<mail>(me.what_).message;
  me.may_have_left_ = true;
  const auto bytes = std::min(size * count, message.size() - me.message_sent_);
  std::copy_n(message.data() + me.message_sent_, bytes, into);
  me.message_sent_ += bytes;
  return bytes;
}

domain::result<reply> transfer::finish(CURLcode verdict) {
  reply_.took = took();
  if (std::holds_alternative<mail>(what_))
    return finish_mail(verdict);
  if (verdict == CURLE_OK || answered_early(verdict)) {
    reply_.status = status();
    return std::move(reply_);
  }
  if (too_large_ && repeatable_)
    return fail(errc::too_large, words_for(verdict));
  return lost(words_for(verdict));
}

/// What ended a transfer. libcurl names the means; who reads a dead letter wants to know the cause.
std::string transfer::words_for(CURLcode verdict) const {
  if (too_large_)
    return "the answer is larger than " + std::to_string(std::get<call>(what_).max_response)
           + " bytes";
  if (verdict == CURLE_ABORTED_BY_CALLBACK && stopping_ != nullptr && *stopping_)
    return "the hub is stopping";
  // Of the callbacks that abort, one notices a mail's deadline, the other a request that would go
  // out a second time.
  const bool is_mail = std::holds_alternative<mail>(what_);
  if (verdict == CURLE_OPERATION_TIMEDOUT || (verdict == CURLE_ABORTED_BY_CALLBACK && is_mail))
    return std::visit(
      [this, is_mail](const auto& what) -> std::string {
        if (may_have_left_)
          return "no answer within " + std::to_string(what.within.count()) + " ms";
        if (is_mail)
          return "the mail server was not ready in time";
        return "no connection within "
               + std::to_string(std::min(what.connect_within, what.within).count()) + " ms";
      },
      what_);
  const bool cut = verdict == CURLE_PARTIAL_FILE || verdict == CURLE_RECV_ERROR;
  if (verdict == CURLE_ABORTED_BY_CALLBACK || verdict == CURLE_GOT_NOTHING
      || (cut && head_bytes_ == 0))
    return "the connection was closed without an answer";
  if (cut)
    return "the connection was closed in the middle of the answer";
  if (may_have_left_ && verdict == CURLE_UNSUPPORTED_PROTOCOL)
    return "the answer is not HTTP";
  return curl_easy_strerror(verdict);
}

int transfer::status() const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

/// An HTTP/2 server may answer, and close the stream, before it has read all of the request
/// (RFC 9113, 8.1). The answer counts, although libcurl fails because it has something left to
/// send, or waits until time is up to be allowed to send it.
bool transfer::answered_early(CURLcode verdict) const {
  const bool stopped_sending = verdict == CURLE_HTTP2_STREAM || verdict == CURLE_OPERATION_TIMEDOUT;
  if (!stopped_sending || status() < 200)
    return false;
  curl_off_t announced = -1;
  curl_off_t received = 0;
  curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  curl_easy_getinfo(easy_, CURLINFO_SIZE_DOWNLOAD_T, &received);
  return announced >= 0 && received == announced;
}

domain::result<reply> transfer::finish_mail(CURLcode verdict) {
  if (verdict == CURLE_OK || settled_)
    return std::move(reply_);
  return lost(words_for(verdict));
}

void transfer::hang_up() const {
  for (const auto connection : lines_out_)
    ::shutdown(connection, SHUT_RDWR);
}

domain::failure transfer::lost(std::string_view why) const {
  if (blocked_ && !connected_)
    return fail(errc::forbidden, "the address is not on the public internet");
  std::string message{why};
  if (!may_have_left_)
    return fail(errc::unavailable, message.append("; nothing was sent"));
  if (repeatable_)
    return fail(errc::unavailable, message.append("; it can be sent again"));
  return fail(errc::unknown_outcome, message.append("; the provider may have done it"));
}

std::chrono::microseconds transfer::took() const {
  curl_off_t us = 0;
  if (easy_ != nullptr)
    curl_easy_getinfo(easy_, CURLINFO_TOTAL_TIME_T, &us);
  return std::chrono::microseconds{us};
}

std::uint64_t transfer::connections_opened() const {
  long opened = 0;
  if (easy_ != nullptr)
    curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &opened);
  return static_cast<std::uint64_t>(opened);
}

} // namespace hub::http::client
