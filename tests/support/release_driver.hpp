#pragma once

#include "tests/support/webhook_driver.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace hub::testing {

/// Takes one ticket from a report on WhatsApp to the message that its reporter gets. Each step can
/// be done again after a lost answer: it sends what it sent before, under the same key.
class release_driver {
public:
  /// `reporter`: their number on WhatsApp, of nobody else; also makes the texts tell this ticket.
  release_driver(std::uint16_t port, std::string reporter);

  // In this order. Each waits until the hub has taken it, through restarts of the hub, and throws
  // when that lasts longer than a minute.
  void report();
  /// Waits for the suggestion.
  void await_triage();
  void accept();
  void resolve();
  void draft();
  void edit();
  void approve();

  [[nodiscard]] const std::string& ticket() const { return ticket_; }
  [[nodiscard]] const std::string& reporter() const { return reporter_; }
  /// Words that only the message to this reporter holds.
  [[nodiscard]] std::string words() const { return "counts rows again for " + reporter_; }
  /// The ticket's newest notification; null while there is none.
  [[nodiscard]] nlohmann::json notification() const;
  /// Calls until the hub answers, whatever it answers but "not now".
  answer persist(const std::string& method,
                 const std::string& path,
                 const nlohmann::json& body = nlohmann::json::object(),
                 const headers& more = {}) const;

private:
  /// One step, under a key of its own.
  answer step(const std::string& method,
              const std::string& path,
              const nlohmann::json& body,
              int expected,
              const headers& more = {}) const;
  [[nodiscard]] std::string path(const std::string& rest = {}) const;

  std::uint16_t port_;
  std::string reporter_;
  std::string ticket_;
};

} // namespace hub::testing
