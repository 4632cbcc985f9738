#pragma once

#include "http/sandbox/stand_in.hpp"
#include "http/sandbox/token_bucket.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace hub::http::sandbox {

/// Slack's Web API. Every well-formed channel exists and every thread in it, as customers write
/// where the sandbox cannot see; ids that end in MISSING, NOTIN, ARCHIVED or RESTRICTED do not work
/// for the reason they name. Stricter than Slack: it refuses arguments that a method does not have.
class slack : public stand_in {
public:
  [[nodiscard]] std::string operation(const call& of) const override;
  outcome handle(const call& what) override;
  [[nodiscard]] std::optional<edge::reply> answer_to(const trouble& what) const override;
  void clear() override;

private:
  struct message {
    std::string channel;
    std::string ts;
    std::string thread_ts; // empty: not a reply
    std::string text;
    json metadata;
    json blocks;
    bool edited = false;
  };

  outcome post_message(const json& arguments, time_point now);
  outcome update(const json& arguments, time_point now);
  outcome replies(const json& arguments, time_point now);
  outcome history(const json& arguments, time_point now);
  /// What `oldest` and `latest` allow of the replies below a message; with an empty `ts`, of what
  /// was written outside of threads.
  [[nodiscard]] std::vector<const message*>
  messages_in(const std::string& channel, const std::string& ts, const json& arguments) const;
  static json show(const message& each, const std::string& thread, bool with_metadata);
  std::string next_ts(time_point now);

  std::deque<message> messages_;
  token_buckets posts_;      // a channel each
  token_buckets reads_;      // a method each
  std::int64_t last_ts_ = 0; // microseconds
};

} // namespace hub::http::sandbox
