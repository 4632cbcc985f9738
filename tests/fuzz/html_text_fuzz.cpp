#include "domain/text.hpp"
#include "tests/fuzz/normalised.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hub::tests::check_text(hub::domain::html_to_text(hub::tests::as_text(data, size)));
  return 0;
}
