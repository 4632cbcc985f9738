#pragma once

#include "domain/result.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hub::http {

/// What one of something may ask of this node for long; ten seconds' worth of it at once. Zero: no
/// limit.
struct traffic_rules {
  int calls_per_second = 0;
  std::size_t body_bytes_per_second = 0;
  int streams = 0; // open at once
};

/// Whom calls are counted by.
enum class traffic_scope : std::uint8_t { address, session, key, workspace };
inline constexpr std::size_t traffic_scope_count = 4;

[[nodiscard]] std::string_view to_string(traffic_scope scope);

/// What a call counts for, in one scope.
struct traffic_of {
  traffic_scope scope{};
  std::string id;
};

/// Bounds what one address, session, key or workspace asks of this node: calls, bytes of bodies,
/// open streams. Thread-safe; remembers a bounded number of each.
class traffic_control {
public:
  using rules_table = std::array<traffic_rules, traffic_scope_count>;
  using clock = std::function<std::chrono::steady_clock::time_point()>;
  /// One open stream; counts until the last copy is gone, which may be after the control itself.
  using stream_place = std::shared_ptr<const void>;

  explicit traffic_control(const rules_table& rules, clock now = std::chrono::steady_clock::now);

  /// Counts a call with a body of `bytes`. `rate_limited` says of what there was too much and how
  /// long to wait; what was refused is not counted.
  domain::outcome begin(const traffic_of& whose, std::size_t bytes);
  domain::result<stream_place> open_stream(const traffic_of& whose);

  /// How much was refused for that scope.
  [[nodiscard]] std::uint64_t refused(traffic_scope scope) const;

private:
  struct line;

  domain::failure refuse(line& of, std::string message, std::chrono::nanoseconds wait) const;
  [[nodiscard]] line& line_of(traffic_scope scope) const;

  clock now_;
  std::shared_ptr<std::array<line, traffic_scope_count>> lines_; // streams hold on to it
};

} // namespace hub::http
