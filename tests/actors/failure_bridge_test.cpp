#include "actors/failure_bridge.hpp"

#include <caf/exit_reason.hpp>
#include <caf/make_message.hpp>
#include <caf/sec.hpp>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace hub::actors {
namespace {

using domain::errc;
using domain::fail;

TEST(failure_bridge, brings_every_code_and_its_message_back) {
  for (auto code = errc::malformed; code <= errc::internal;
       code = static_cast<errc>(static_cast<std::uint8_t>(code) + 1)) {
    const auto error = to_caf(fail(code, std::string{"because of "} + to_string(code)));
    ASSERT_TRUE(error) << "none may look like CAF's no error";
    const auto back = from_caf(error);
    EXPECT_EQ(back.code, code);
    EXPECT_EQ(back.message, std::string{"because of "} + to_string(code));
    EXPECT_EQ(back.retry_after, std::nullopt);
  }
}

TEST(failure_bridge, brings_back_when_to_try_again) {
  for (const auto seconds : {0, 1, 3600}) {
    auto why = fail(errc::rate_limited, "slowly");
    why.retry_after = std::chrono::seconds{seconds};
    EXPECT_EQ(from_caf(to_caf(why)).retry_after, std::chrono::seconds{seconds});
  }
}

TEST(failure_bridge, takes_a_time_out_for_an_unknown_outcome) {
  EXPECT_EQ(from_caf(make_error(caf::sec::request_timeout)).code, errc::unknown_outcome);
}

TEST(failure_bridge, takes_an_actor_that_is_not_there_for_unavailable) {
  EXPECT_EQ(from_caf(make_error(caf::sec::request_receiver_down)).code, errc::unavailable);
  EXPECT_EQ(from_caf(make_error(caf::sec::runtime_error)).code, errc::unavailable);
  EXPECT_EQ(from_caf(make_error(caf::exit_reason::kill)).code, errc::unavailable);
  EXPECT_EQ(from_caf(caf::error{}).code, errc::unavailable);
}

TEST(failure_bridge, does_not_trust_an_error_of_our_category_with_another_context) {
  EXPECT_EQ(from_caf(caf::error{3, caf::atom("hub"), caf::make_message(7)}).code,
            errc::unavailable);
}

} // namespace
} // namespace hub::actors
