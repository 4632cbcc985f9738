#include "domain/scrub.hpp"
#include "domain/text.hpp"
#include "tests/fuzz/normalised.hpp"

#include <cstdlib>

// Scrubbing keeps text sound, changes nothing that it did not report, and needs no second time.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace domain = hub::domain;
  namespace tests = hub::tests;
  const auto text = domain::clean_utf8(tests::as_text(data, size));
  const auto once = domain::scrub(text);
  tests::check_text(once.text);
  std::size_t at = 0;
  for (const auto& r : once.redactions) {
    if (r.begin < at || r.end <= r.begin || r.end > text.size())
      std::abort();
    at = r.end;
  }
  if (once.redactions.empty() && once.text != text)
    std::abort();
  if (domain::scrub(once.text).text != once.text)
    std::abort();
  return 0;
}
