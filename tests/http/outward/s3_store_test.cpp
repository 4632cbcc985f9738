#include "http/outward/s3_store.hpp"

#include "http/sandbox/s3.hpp"
#include "http/sandbox/server.hpp"

#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

namespace hub::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The store against the sandbox, which checks signatures with code of its own.
class s3_files : public ::testing::Test {
protected:
  std::unique_ptr<storage::file_store> store(const std::string& bucket = "files",
                                             const std::string& secret = "sandbox-secret") {
    return make_s3_store(engine_,
                         {.endpoint = "http://127.0.0.1:" + std::to_string(port_) + "/s3/",
                          .bucket = bucket,
                          .as = {.access_key_id = sandbox::s3::access_key_id,
                                 .secret_access_key = secret,
                                 .region = "eu-south-2"}});
  }
  static domain::result<storage::kept_file> put(storage::file_store& into,
                                                const std::string& bytes) {
    std::promise<domain::result<storage::kept_file>> promised;
    into.put(workspace(), file(), std::make_shared<const std::string>(bytes), [&](auto kept) {
      promised.set_value(std::move(kept));
    });
    return promised.get_future().get();
  }
  static domain::result<std::string>
  read(storage::file_store& from, const std::string& place, std::int64_t at, std::size_t most) {
    std::promise<domain::result<std::string>> promised;
    from.read(place, at, most, [&](auto bytes) { promised.set_value(std::move(bytes)); });
    return promised.get_future().get();
  }
  static domain::uuid workspace() {
    return *domain::parse_uuid("00000000-0000-7000-8000-000000000001");
  }
  static domain::uuid file() { return *domain::parse_uuid("01890a5d-ac96-774b-bcce-b302099a8057"); }

  sandbox::server server_{{}};
  std::uint16_t port_ = server_.start().http;
  client::engine engine_{{}};
};

TEST_F(s3_files, are_put_and_read_back_in_pieces_with_sound_signatures) {
  const auto into = store();
  std::string bytes;
  for (int i = 0; i < 100'000; ++i)
    bytes += static_cast<char>(i * 31 % 251);
  const auto kept = put(*into, bytes);
  ASSERT_TRUE(kept) << kept.why().message;
  EXPECT_EQ(kept->place,
            "s3:files/attachments/00000000-0000-7000-8000-000000000001/57/"
            "01890a5d-ac96-774b-bcce-b302099a8057");
  EXPECT_EQ(kept->size, 100'000);
  EXPECT_EQ(kept->sha256, storage::digest_of(bytes));
  std::string again;
  while (again.size() < bytes.size()) {
    const auto piece = read(*into, kept->place, static_cast<std::int64_t>(again.size()), 30'000);
    ASSERT_TRUE(piece) << piece.why().message;
    ASSERT_FALSE(piece->empty());
    again += *piece;
  }
  EXPECT_EQ(again, bytes);
  EXPECT_EQ(*read(*into, kept->place, 100'000, 10), "") << "nothing is left";
}

TEST_F(s3_files, may_be_so_large_that_leave_is_asked_for_them) {
  const auto into = store();
  const std::string bytes(std::size_t{3} << 20U, 'x'); // libcurl says Expect: 100-continue
  const auto kept = put(*into, bytes);
  ASSERT_TRUE(kept) << kept.why().message;
  EXPECT_EQ(read(*into, kept->place, 0, bytes.size())->size(), bytes.size());
}

TEST_F(s3_files, are_one_however_often_they_are_put) {
  const auto into = store();
  ASSERT_TRUE(put(*into, "first"));
  const auto kept = put(*into, "second");
  ASSERT_TRUE(kept);
  EXPECT_EQ(*read(*into, kept->place, 0, 100), "second");
}

TEST_F(s3_files, are_refused_under_a_wrong_secret) {
  const auto refused = put(*store("files", "another-secret"), "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.why().code, domain::errc::forbidden);
  EXPECT_THAT(refused.why().message, HasSubstr("keys"));
  EXPECT_THAT(refused.why().message, Not(HasSubstr("another-secret")));
}

TEST_F(s3_files, say_what_is_not_there) {
  EXPECT_EQ(put(*store("missing-bucket"), "x").why().code, domain::errc::not_found);
  const auto nothing =
    read(*store(), "s3:files/attachments/" + storage::key_of_file(workspace(), file()), 0, 10);
  EXPECT_EQ(nothing.why().code, domain::errc::not_found);
}

TEST_F(s3_files, are_read_from_the_bucket_they_were_put_into) {
  const auto before = store("old-bucket");
  const auto kept = put(*before, "kept");
  ASSERT_TRUE(kept);
  EXPECT_EQ(*read(*store("new-bucket"), kept->place, 0, 10), "kept");
}

TEST_F(s3_files, are_found_at_no_other_place) {
  const auto key = storage::key_of_file(workspace(), file());
  for (const auto& place : {"disk:" + key,
                            "s3:" + key,
                            "s3:files/" + key,
                            "s3:files/attachments/" + key + "/x",
                            "s3:files/attachments/../" + key,
                            std::string{"s3:"},
                            std::string{"s"},
                            std::string{}})
    EXPECT_EQ(read(*store(), place, 0, 10).why().code, domain::errc::internal) << place;
}

TEST_F(s3_files, that_cannot_be_reached_are_tried_again_later) {
  server_.stop(std::chrono::milliseconds{0});
  EXPECT_EQ(put(*store(), "x").why().code, domain::errc::unavailable);
}

} // namespace
} // namespace hub::http
