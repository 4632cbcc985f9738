#include "storage/files/disk_store.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace hub::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

domain::uuid id_of(std::uint8_t number) {
  domain::uuid id;
  id.bytes[6] = 0x70;
  id.bytes[8] = 0x80;
  id.bytes[15] = number;
  return id;
}

class disk_files : public ::testing::Test {
protected:
  domain::result<kept_file> put(std::uint8_t id, const std::string& bytes) {
    std::promise<domain::result<kept_file>> promised;
    store_->put(id_of(1),
                id_of(id),
                std::make_shared<const std::string>(bytes),
                [&](domain::result<kept_file> kept) { promised.set_value(std::move(kept)); });
    return promised.get_future().get();
  }
  domain::result<std::string> read(const std::string& place, std::int64_t from, std::size_t most) {
    std::promise<domain::result<std::string>> promised;
    store_->read(place, from, most, [&](domain::result<std::string> bytes) {
      promised.set_value(std::move(bytes));
    });
    return promised.get_future().get();
  }
  std::vector<fs::path> all_files() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::recursive_directory_iterator{root()})
      if (entry.is_regular_file())
        all.push_back(entry.path());
    return all;
  }
  fs::path root() const { return directory_.path() / "deep" / "attachments"; }

  testing::temporary_directory directory_;
  std::unique_ptr<file_store> store_ = make_disk_store(root());
};

TEST_F(disk_files, are_read_back_in_pieces) {
  const auto kept = put(7, "0123456789");
  ASSERT_TRUE(kept) << kept.why().message;
  EXPECT_EQ(kept->size, 10);
  EXPECT_EQ(kept->sha256, digest_of("0123456789"));
  EXPECT_EQ(kept->place, "disk:" + key_of_file(id_of(1), id_of(7)));
  EXPECT_EQ(*read(kept->place, 0, 4), "0123");
  EXPECT_EQ(*read(kept->place, 8, 4), "89");
  EXPECT_EQ(*read(kept->place, 10, 4), "");
}

TEST_F(disk_files, are_one_however_often_they_are_put) {
  ASSERT_TRUE(put(7, "the first time"));
  const auto kept = put(7, "again");
  ASSERT_TRUE(kept);
  EXPECT_EQ(*read(kept->place, 0, 100), "again");
  EXPECT_THAT(all_files(), SizeIs(1));
}

TEST_F(disk_files, are_called_by_ids_and_belong_to_the_hub_alone) {
  const auto kept = put(0xAB, "x");
  ASSERT_TRUE(kept);
  const auto file = root() / to_string(id_of(1)) / "ab" / to_string(id_of(0xAB));
  ASSERT_TRUE(fs::exists(file));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(root()).permissions(), fs::perms::owner_all);
}

TEST_F(disk_files, half_written_by_a_process_that_died_are_gone_after_the_start) {
  ASSERT_TRUE(put(7, "whole"));
  std::ofstream{root() / "incoming" / "half"} << "half";
  store_ = make_disk_store(root());
  EXPECT_THAT(all_files(), SizeIs(1));
}

TEST_F(disk_files, are_found_at_no_other_place) {
  std::ofstream{directory_.path() / "secret"} << "secret";
  const auto key = key_of_file(id_of(1), id_of(7));
  for (const auto& place :
       std::vector<std::string>{"disk:../../secret",
                                "disk:",
                                "",
                                key,
                                "s3:" + key,
                                "disk:/" + key,
                                "disk:" + key + "/..",
                                "disk:" + to_string(id_of(1)) + "/08/" + to_string(id_of(7))}) {
    const auto found = read(place, 0, 10);
    ASSERT_FALSE(found) << place;
    EXPECT_EQ(found.why().code, domain::errc::internal) << place;
  }
  const auto missing = read("disk:" + key, 0, 10);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.why().code, domain::errc::not_found);
}

TEST_F(disk_files, are_not_read_through_a_link) {
  const auto kept = put(7, "x");
  ASSERT_TRUE(kept);
  const auto file = root() / key_of_file(id_of(1), id_of(7));
  std::ofstream{directory_.path() / "secret"} << "secret";
  fs::remove(file);
  fs::create_symlink(directory_.path() / "secret", file);
  EXPECT_FALSE(read(kept->place, 0, 10));
}

TEST_F(disk_files, that_cannot_be_written_say_so_and_leave_nothing) {
  fs::create_directories(root().parent_path());
  std::ofstream{root()} << "in the way";
  const auto kept = put(7, "x");
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.why().code, domain::errc::unavailable);
  EXPECT_TRUE(fs::is_regular_file(root()));
}

TEST_F(disk_files, are_written_by_many_at_once) {
  std::vector<std::future<bool>> done;
  for (int i = 0; i < 64; ++i)
    done.push_back(std::async(std::launch::async, [this, i] {
      const auto kept = put(static_cast<std::uint8_t>(i % 16), std::string(10'000, 'a'));
      return kept && read(kept->place, 0, 20'000)->size() == 10'000;
    }));
  for (auto& each : done)
    EXPECT_TRUE(each.get());
  EXPECT_THAT(all_files(), SizeIs(16));
}

TEST_F(disk_files, asked_for_while_the_store_ends_are_answered_all_the_same) {
  std::atomic<int> answered{0};
  for (int i = 0; i < 200; ++i)
    store_->put(id_of(1),
                id_of(static_cast<std::uint8_t>(i)),
                std::make_shared<const std::string>(1000, 'x'),
                [&](const domain::result<kept_file>&) { ++answered; });
  store_.reset();
  EXPECT_EQ(answered, 200);
}

} // namespace
} // namespace hub::storage
