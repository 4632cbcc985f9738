#include "domain/json_reading.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub::domain {

namespace {

TEST(read_json, reads_json) {
  const auto read = read_json(R"( {"a":[1,2.5,"x",null,true]} )");
  ASSERT_TRUE(read);
  EXPECT_EQ(write_json(*read), R"({"a":[1,2.5,"x",null,true]})");
}

TEST(read_json, refuses_what_is_not_json_without_quoting_it) {
  for (const auto* body :
       {"", "secret", "{\"secret\":", "[1,]", "{}{}", "\"open", "{'a':1}", "\xFF"}) {
    const auto read = read_json(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.why().code, errc::malformed);
    EXPECT_EQ(read.why().message.find("secret"), std::string::npos);
  }
}

TEST(read_json, limits_nesting) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[').append(levels, ']');
  };
  EXPECT_TRUE(read_json(nested(max_json_nesting)));
  EXPECT_FALSE(read_json(nested(max_json_nesting + 1)));
  EXPECT_FALSE(read_json(nested(500'000)));
  EXPECT_FALSE(read_json(std::string(1'000'000, '[')));
  EXPECT_FALSE(read_json(std::string(1'000'000, ']')));
}

TEST(read_json, does_not_count_brackets_in_text) {
  EXPECT_TRUE(read_json(std::string{"\""}.append(100, '[').append(R"(\"[\\")")));
}

TEST(read_json, repairs_broken_bytes) {
  const auto read = read_json("{\"a\":\"x\xFFy\"}");
  ASSERT_TRUE(read);
  EXPECT_EQ(text_at(*read, "a"), "x�y");
}

TEST(read_json, repairs_lone_surrogates_and_nothing_else) {
  const auto read = read_json(
    R"(["\ud800","\udc00","\ud83d\ude00","\\ud800","\ud800\ud83d\ude00","\ud800\n","\u0041"])");
  ASSERT_TRUE(read);
  EXPECT_EQ(text_of((*read)[0]), "�");
  EXPECT_EQ(text_of((*read)[1]), "�");
  EXPECT_EQ(text_of((*read)[2]), "😀");
  EXPECT_EQ(text_of((*read)[3]), "\\ud800");
  EXPECT_EQ(text_of((*read)[4]), "�😀");
  EXPECT_EQ(text_of((*read)[5]), "�\n");
  EXPECT_EQ(text_of((*read)[6]), "A");
  EXPECT_FALSE(read_json(R"(["\ud8)"));
  EXPECT_FALSE(read_json(R"(["\ud800\)"));
  EXPECT_FALSE(read_json(R"(["\ud8zz"])"));
}

TEST(read_json, reads_numbers_no_double_holds_as_nothing) {
  const auto read =
    read_json(std::string{"[1e999,-1e999,1"}.append(400, '0').append(",1,\"1e999\"]"));
  ASSERT_TRUE(read);
  EXPECT_EQ(write_json(*read), R"([null,null,null,1,"1e999"])");
}

TEST(getters, read_wrong_types_as_nothing) {
  const auto read = read_json(R"({"a":{"b":[1]},"n":7,"t":"x"})");
  ASSERT_TRUE(read);
  EXPECT_TRUE(value_at(*read, "a", "b", "c", "d").is_null());
  EXPECT_TRUE(value_at(*read, "n", "x").is_null());
  EXPECT_EQ(text_at(*read, "a"), "");
  EXPECT_EQ(text_at(*read, "n"), "");
  EXPECT_EQ(id_at(*read, "n"), "7");
  EXPECT_EQ(id_at(*read, "a"), "");
  EXPECT_TRUE(list_at(*read, "t").empty());
  EXPECT_EQ(list_at(*read, "a", "b").size(), 1U);
  EXPECT_EQ(value_at(json::array(), "x"), json());
}

TEST(getters, drop_nul_from_text_but_keep_ids_to_the_byte) {
  const auto read = read_json(R"({"a":"x\u0000y"})");
  ASSERT_TRUE(read);
  EXPECT_EQ(text_at(*read, "a"), "xy");
  EXPECT_EQ(id_at(*read, "a").size(), 3U);
}

TEST(getters, read_ids_that_are_numbers) {
  const auto read = read_json("[18446744073709551615,-9223372036854775808,1.5,true,1e3]");
  ASSERT_TRUE(read);
  EXPECT_EQ(id_of((*read)[0]), "18446744073709551615");
  EXPECT_EQ(id_of((*read)[1]), "-9223372036854775808");
  for (const auto i : {2U, 3U, 4U})
    EXPECT_EQ(id_of((*read)[i]), "");
}

TEST(moment_of, reads_what_providers_write) {
  const time_point moment{std::chrono::milliseconds{1531420618000}};
  for (const auto& value : {json(1531420618),
                            json(1531420618.0),
                            json("1531420618"),
                            json("1531420618.000200"),
                            json(1531420618000),
                            json("1531420618000"),
                            json("2018-07-12T18:36:58Z")})
    EXPECT_EQ(moment_of(value), moment) << value;
}

TEST(moment_of, knows_no_time_in_anything_else) {
  for (const auto& value : {json(),
                            json(0),
                            json(-1),
                            json("0"),
                            json(""),
                            json("soon"),
                            json(true),
                            json::array(),
                            json(1e300),
                            json(-1e300),
                            json(18446744073709551615U),
                            json("99999999999999999999"),
                            json("1969-01-01T00:00:00Z")})
    EXPECT_EQ(moment_of(value), std::nullopt) << value;
}

TEST(number_of, reads_whole_numbers) {
  EXPECT_EQ(number_of(json(12)), 12);
  EXPECT_EQ(number_of(json("12")), 12);
  EXPECT_EQ(number_of(json(18446744073709551615U)), std::nullopt);
  EXPECT_EQ(number_of(json("12 kB")), std::nullopt);
  EXPECT_EQ(number_of(json(1.5)), std::nullopt);
}

} // namespace

} // namespace hub::domain
