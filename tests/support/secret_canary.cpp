#include "tests/support/secret_canary.hpp"

#include <mutex>
#include <set>

namespace hub::testing {

namespace {

constexpr std::size_t shortest = 12;

struct memory {
  std::mutex guard;
  std::set<std::string, std::less<>> nowhere;
  std::set<std::string, std::less<>> answered;
  std::vector<std::string> sightings;
};

memory& all() {
  static memory one;
  return one;
}

/// With the lock held.
void look(const std::set<std::string, std::less<>>& secrets,
          std::string_view where,
          std::string_view text) {
  for (const auto& secret : secrets)
    if (text.find(secret) != std::string_view::npos)
      all().sightings.push_back(secret.substr(0, 8) + "… in " + std::string{where});
}

} // namespace

void secret_canary::plant(std::string_view secret) {
  const std::lock_guard lock{all().guard};
  if (secret.size() >= shortest)
    all().nowhere.emplace(secret);
}

void secret_canary::plant_in_answers(std::string_view secret) {
  const std::lock_guard lock{all().guard};
  if (secret.size() >= shortest)
    all().answered.emplace(secret);
}

void secret_canary::look_at_answer(std::string_view where, std::string_view text) {
  const std::lock_guard lock{all().guard};
  look(all().nowhere, where, text);
}

void secret_canary::look_at_output(std::string_view where, std::string_view text) {
  const std::lock_guard lock{all().guard};
  look(all().nowhere, where, text);
  look(all().answered, where, text);
}

std::vector<std::string> secret_canary::sightings() {
  const std::lock_guard lock{all().guard};
  return all().sightings;
}

std::size_t secret_canary::planted() {
  const std::lock_guard lock{all().guard};
  return all().nowhere.size() + all().answered.size();
}

} // namespace hub::testing
