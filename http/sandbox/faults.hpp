#pragma once

#include "http/sandbox/stand_in.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace hub::http::sandbox {

enum class fault_kind : std::uint8_t {
  delay,           // works at once, answers `ms` later
  drop_after_work, // works, then closes the connection without a word
  status_500,      // answers 500 without working
  reset,           // resets the connection without working
  duplicate,       // works twice; WhatsApp's statuses are posted twice
  rate_limit,      // answers as over the limit
  outage,          // answers 503 to everything, or closes with `"close": true`
  error,           // answers with the provider's own error `code`
};

std::string_view to_string(fault_kind kind);

/// One misbehaviour that was asked for.
struct fault {
  std::uint64_t number = 0;
  std::optional<provider> of = {}; // none: every provider
  std::string operation = {};      // empty: every operation
  fault_kind kind{};
  std::optional<std::int64_t> times = {}; // left; none: until cleared
  std::chrono::milliseconds delay{1000};
  double probability = 1;
  std::chrono::seconds retry_after{1};
  std::string code = {};
  bool close = false;
  std::uint64_t hits = 0;
};

json to_json(const fault& which);

/// The faults that are set. The first that fits a call and wins its throw strikes.
class fault_book {
public:
  static constexpr std::size_t most = 100;

  /// Adds what a request describes; else why it cannot.
  std::variant<fault, std::string> add(const json& described);
  std::optional<fault> strike(provider of, const std::string& operation);
  bool remove(std::uint64_t number);
  void clear() { faults_.clear(); }
  [[nodiscard]] json list() const;
  [[nodiscard]] const std::vector<fault>& all() const { return faults_; }

private:
  std::vector<fault> faults_;
  std::uint64_t last_ = 0;
  // The same throws in every run.
  std::mt19937_64 random_{42}; // NOLINT(cert-msc51-cpp)
};

} // namespace hub::http::sandbox
