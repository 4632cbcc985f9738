#pragma once

#include "http/sandbox/mail.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hub::http::sandbox {

/// What the server says to one line.
struct smtp_step {
  std::string operation;             // the verb; DATA when a message is complete
  std::string say;                   // without CRLF; empty: nothing yet
  bool close = false;                // after saying it
  std::optional<mail> complete = {}; // `say` is what it gets if nothing is wrong with it
};

/// One SMTP session, without its socket. A recipient `reject@…` gets 550, `later@…` 451; the user
/// `revoked…` may not sign in.
class smtp_dialogue {
public:
  static constexpr std::size_t largest_message = 10UL * 1024 * 1024;
  static constexpr std::size_t most_recipients = 100;
  static constexpr std::size_t longest_command = 12UL * 1024; // AUTH may be as long

  [[nodiscard]] static std::string greeting() {
    return "220 sandbox.localhost ESMTP Feedback Hub sandbox";
  }

  /// `line` without its CRLF.
  smtp_step line(std::string_view line);
  [[nodiscard]] bool in_data() const { return phase_ == phase::data; }

private:
  enum class phase : std::uint8_t {
    fresh,
    greeted,
    mail,
    recipients,
    data,
    auth_user,
    auth_password,
    auth_plain
  };

  smtp_step command(std::string_view verb, std::string_view rest);
  smtp_step authenticate(std::string_view rest);
  smtp_step signed_in(std::string_view user);
  smtp_step credentials(std::string_view line);
  smtp_step sender(std::string_view rest);
  smtp_step recipient(std::string_view rest);
  smtp_step data_line(std::string_view line);

  phase phase_ = phase::fresh;
  mail mail_;
  bool too_large_ = false;
  std::string user_;
};

} // namespace hub::http::sandbox
