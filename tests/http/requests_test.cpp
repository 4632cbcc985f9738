#include "actors/actor_metrics.hpp"
#include "http/server/metrics.hpp"
#include "http/server/parse.hpp"

#include <gtest/gtest.h>

namespace hub::http {
namespace {

TEST(json_body, is_refused_where_it_nests_deeper_than_anything_could_be_copied) {
  const auto nested = [](std::size_t levels) {
    edge::request request;
    request.headers.emplace_back("content-type", "application/json");
    request.body = R"({"a":)" + std::string(levels, '[').append(levels, ']') + '}';
    return json_body(request);
  };
  EXPECT_TRUE(nested(63));
  for (const std::size_t levels : {64UL, 500'000UL}) {
    const auto refused = nested(levels);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.why().code, domain::errc::malformed);
  }
}

TEST(json_body, is_known_by_its_media_type_in_any_case) {
  const auto read = [](const char* type) {
    edge::request request;
    request.headers = {{"content-type", type}};
    request.body = "{}";
    return json_body(request).has_value();
  };
  for (const auto* type : {"application/json",
                           "Application/JSON",
                           "APPLICATION/JSON ; charset=UTF-8",
                           "application/Merge-Patch+json"})
    EXPECT_TRUE(read(type)) << type;
  for (const auto* type : {"", ";", "text/json", "application/jsonp", "application/json+x"})
    EXPECT_FALSE(read(type)) << type;
}

TEST(live_actors, are_never_fewer_than_none) {
  actors::kind_metrics figures;
  figures.spawned = 1;
  figures.ended = 2;
  EXPECT_EQ(live_actors(figures), 0U);
  figures.spawned = 5;
  EXPECT_EQ(live_actors(figures), 3U);
}

} // namespace
} // namespace hub::http
