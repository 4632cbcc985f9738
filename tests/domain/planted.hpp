#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace hub::tests {

/// Makes texts in which secrets are hidden, the same ones for the same seed.
class planted_texts {
public:
  explicit planted_texts(std::uint64_t seed) : random_{seed} {}

  struct planted {
    std::string text;
    std::vector<std::string> secrets; // what must appear nowhere
  };

  /// Prose, hostile pieces and e-mail addresses, phone and card numbers and `names` in between.
  planted next(const std::vector<std::string>& names);

private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::string some_of(std::string_view letters, std::size_t count);
  std::string prose();
  std::string card();
  std::string secret(const std::vector<std::string>& names, std::vector<std::string>& secrets);

  std::mt19937_64 random_;
};

} // namespace hub::tests
