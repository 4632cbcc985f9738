#include "tests/fuzz/normalised.hpp"

// What starts like JSON is sent as JSON, anything else as a form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = hub::tests::as_text(data, size);
  hub::tests::check_normaliser(hub::domain::normalise_slack,
                               body,
                               body.starts_with('{') || body.starts_with('[')
                                 ? "application/json"
                                 : "application/x-www-form-urlencoded");
  return 0;
}
