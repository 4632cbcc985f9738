#include "domain/infer.hpp"
#include "domain/text.hpp"
#include "tests/fuzz/normalised.hpp"

#include <cstdlib>

// Whatever the words: a priority in range, and a title that is sound, short and never empty.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace domain = hub::domain;
  namespace tests = hub::tests;
  const auto text = domain::clean_utf8(tests::as_text(data, size));
  const auto guess = domain::infer(text);
  if (guess.urgency < domain::highest_priority || guess.urgency > domain::lowest_priority)
    std::abort();
  const auto title = domain::title_of(text);
  tests::check_text(title);
  if (title.empty() || domain::prefix_of(title, 120, title.size()) != title)
    std::abort();
  const auto folded = domain::fold(text);
  tests::check_text(folded);
  const auto prefix = domain::prefix_of(text, 7, 64);
  tests::check_text(prefix);
  if (prefix.size() > 64 || !text.starts_with(prefix))
    std::abort();
  return 0;
}
