#include "tests/fuzz/normalised.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hub::tests::check_normaliser(
    hub::domain::normalise_intercom, hub::tests::as_text(data, size), "application/json");
  return 0;
}
