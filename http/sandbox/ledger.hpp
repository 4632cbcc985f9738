#pragma once

#include "http/sandbox/stand_in.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace hub::http::sandbox {

/// What a record is kept under; `shown` is what people and tests see.
struct record {
  std::uint64_t number = 0;
  time_point at;
  provider of{};
  json shown;
  std::size_t bytes = 0;
};

/// What `GET /sandbox/state` is asked for.
struct record_filter {
  std::optional<provider> of = {};
  std::uint64_t after_number = 0;
  time_point from = {};
};

/// Remembers calls and messages, in order; the oldest go when there are too many or they are too
/// large together.
class ledger {
public:
  static constexpr std::size_t most_records = 10'000; // of each sort
  static constexpr std::size_t most_bytes = 32UL * 1024 * 1024;

  std::uint64_t add_call(provider of, time_point at, json shown);
  std::uint64_t add_message(provider of, time_point at, const delivery& what, std::uint64_t call);
  void count(provider of, const std::string& operation, const std::string& what);

  [[nodiscard]] json calls(const record_filter& wanted) const { return select(calls_, wanted); }
  [[nodiscard]] json messages(const record_filter& wanted) const {
    return select(messages_, wanted);
  }
  [[nodiscard]] json counters() const;
  /// The newest first, for the page.
  [[nodiscard]] const std::deque<record>& all_messages() const { return messages_; }
  [[nodiscard]] const std::deque<record>& all_calls() const { return calls_; }
  void clear();

private:
  std::uint64_t
  add(std::deque<record>& to, std::size_t& bytes, provider of, time_point at, json shown);
  static json select(const std::deque<record>& from, const record_filter& wanted);

  std::deque<record> calls_;
  std::deque<record> messages_;
  std::size_t call_bytes_ = 0;
  std::size_t message_bytes_ = 0;
  std::uint64_t last_ = 0;
  // Bounded: operations are the sandbox's own names.
  std::map<std::string, std::map<std::string, std::map<std::string, std::uint64_t>>> counters_;
};

/// A request's body as it is worth keeping: JSON when it is some, cut when it is long.
json body_to_keep(const std::string& body);

} // namespace hub::http::sandbox
