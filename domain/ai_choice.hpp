#pragma once

#include <cstdint>
#include <string>

namespace hub::domain {

/// When tickets get a suggestion.
enum class triage_mode : std::uint8_t {
  automatic, // each new one
  manual,    // where somebody asks for it
  off,
};

/// Which models a workspace asks, and for what.
struct ai_choice {
  triage_mode triage = triage_mode::automatic;
  bool local = true; // nobody is asked: rules of our own stand in
  // By the names that the provider has for them.
  std::string triage_model;
  std::string changelog_model;
  std::string embedding_model;
};

} // namespace hub::domain
