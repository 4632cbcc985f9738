#include "tests/support/secret_canary.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace hub::testing {
namespace {

/// Fails the whole program where a secret was seen, whatever its tests were about.
class secret_watch : public ::testing::Environment {
public:
  void TearDown() override {
    for (const auto& seen : secret_canary::sightings())
      ADD_FAILURE() << "a secret was seen: " << seen;
    std::printf("%zu planted secrets were looked for\n", secret_canary::planted());
  }
};

const auto* const watching = ::testing::AddGlobalTestEnvironment(new secret_watch);

} // namespace
} // namespace hub::testing
