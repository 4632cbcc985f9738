#include "config/suggest.hpp"

#include <algorithm>
#include <vector>

namespace hub::config {

namespace {

// Levenshtein's distance, two neighbours swapped counting as one slip.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last(right.size() + 1);
  std::vector<std::size_t> last(right.size() + 1);
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t at = 0; at <= right.size(); ++at)
    last[at] = at;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t change = left[i - 1] == right[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[right.size()];
}

std::string_view last_part(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

} // namespace

std::string_view nearest(std::string_view typed,
                         std::span<const std::string_view> candidates,
                         std::size_t most_slips) {
  std::string_view best;
  auto least = most_slips + 1;
  for (const auto candidate : candidates) {
    const auto slips = distance(typed, candidate);
    if (slips < least) {
      least = slips;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view typed, std::span<const std::string_view> candidates) {
  // More slips than a third of what was typed, and it is a guess about another word.
  auto best = nearest(typed, candidates, std::max<std::size_t>(2, typed.size() / 3));
  if (best.empty()) {
    // The right word in the wrong section.
    const auto found = std::ranges::find(candidates, last_part(typed), last_part);
    if (found != candidates.end())
      best = *found;
  }
  return best.empty() ? std::string{} : "; did you mean '" + std::string{best} + "'?";
}

} // namespace hub::config
