#include "storage/sealing.hpp"

#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace hub::storage {
namespace {

using domain::errc;

key_ring new_ring() {
  auto ring = key_ring::generate();
  if (!ring)
    std::abort();
  return *ring;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{stream}, {}};
}

TEST(sealing, opens_what_it_sealed) {
  const auto ring = new_ring();
  for (const std::string& plain : {std::string{}, std::string{"x"}, std::string(100'000, 'y')}) {
    const auto sealed = ring.seal(plain, "row 1");
    EXPECT_EQ(sealed.size(), plain.size() + sealing_overhead);
    auto opened = ring.unseal(sealed, "row 1");
    ASSERT_TRUE(opened) << opened.why().message;
    EXPECT_EQ(*opened, plain);
  }
}

TEST(sealing, keeps_bytes_of_every_value) {
  const auto ring = new_ring();
  std::string plain;
  for (int byte = 0; byte < 256; ++byte)
    plain += static_cast<char>(byte);
  auto opened = ring.unseal(ring.seal(plain, ""), "");
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, plain);
}

TEST(sealing, hides_the_text_and_never_repeats_itself) {
  const auto ring = new_ring();
  std::set<std::string> all;
  for (int turn = 0; turn < 1000; ++turn) {
    const auto sealed = ring.seal("jane@example.com", "row 1");
    EXPECT_EQ(sealed.find("jane"), std::string::npos);
    all.insert(sealed);
  }
  EXPECT_EQ(all.size(), 1000U);
}

TEST(sealing, lays_the_bytes_out_as_promised) {
  const auto ring = new_ring();
  const auto sealed = ring.seal("hello", "row 1");
  EXPECT_EQ(sealed[0], '\x01');
  const auto id = ring.current_id();
  const std::string big_endian{static_cast<char>(id >> 24U),
                               static_cast<char>(id >> 16U),
                               static_cast<char>(id >> 8U),
                               static_cast<char>(id)};
  EXPECT_EQ(sealed.substr(1, 4), big_endian);
}

TEST(sealing, notices_every_changed_byte) {
  const auto ring = new_ring();
  const auto sealed = ring.seal("hello", "row 1");
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    auto changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(ring.unseal(changed, "row 1")) << "byte " << at;
  }
  // The thread's cipher is still good afterwards.
  EXPECT_TRUE(ring.unseal(sealed, "row 1"));
}

TEST(sealing, notices_every_cut_and_addition) {
  const auto ring = new_ring();
  const auto sealed = ring.seal("hello", "row 1");
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(ring.unseal(sealed.substr(0, size), "row 1")) << size << " bytes";
  EXPECT_FALSE(ring.unseal(sealed + "x", "row 1"));
}

TEST(sealing, refuses_to_open_in_another_row) {
  const auto ring = new_ring();
  const auto sealed = ring.seal("hello", "row 1");
  auto opened = ring.unseal(sealed, "row 2");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.why().code, errc::invalid_input);
}

TEST(sealing, says_which_key_is_missing) {
  const auto sealed = new_ring().seal("hello", "");
  auto opened = new_ring().unseal(sealed, "");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.why().code, errc::not_found);
}

TEST(sealing, tells_what_was_never_sealed) {
  const auto ring = new_ring();
  auto opened = ring.unseal("a plain text that is long enough to be sealed", "");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.why().code, errc::malformed);
}

TEST(sealing, opens_with_old_keys_after_a_rotation) {
  const auto first = new_ring();
  const auto before = first.seal("old", "row");
  auto second = first.rotated();
  ASSERT_TRUE(second);
  EXPECT_NE(second->current_id(), first.current_id());
  EXPECT_EQ(second->ids().size(), 2U);

  auto opened = second->unseal(before, "row");
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, "old");
  const auto after = second->seal("new", "row");
  EXPECT_FALSE(first.unseal(after, "row"));
  EXPECT_TRUE(second->unseal(after, "row"));
}

TEST(sealing, keeps_rings_apart_on_one_thread) {
  const auto left = new_ring();
  const auto right = new_ring();
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_TRUE(left.unseal(left.seal("a", ""), ""));
    EXPECT_TRUE(right.unseal(right.seal("b", ""), ""));
  }
}

TEST(sealing, seals_on_many_threads_at_once) {
  const auto ring = new_ring();
  std::vector<std::thread> threads;
  std::vector<int> opened(4, 0);
  for (std::size_t number = 0; number < opened.size(); ++number) {
    threads.emplace_back([&, number] {
      for (int turn = 0; turn < 2000; ++turn) {
        const auto plain = std::to_string(number) + ":" + std::to_string(turn);
        auto back = ring.unseal(ring.seal(plain, plain), plain);
        opened[number] += back && *back == plain ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(opened, (std::vector<int>{2000, 2000, 2000, 2000}));
}

TEST(sealing_keys, are_made_on_the_first_start_for_their_owner_only) {
  const testing::temporary_directory directory;
  const auto file = directory.path() / "data" / "keys.json";
  auto first = key_ring::open(file);
  ASSERT_TRUE(first) << first.why().message;
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(file.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0077U & ~0011U, 0U) << "nor may others list what lies beside them";

  auto second = key_ring::open(file);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->unseal(first->seal("hello", ""), ""));
}

TEST(sealing_keys, are_made_where_nobody_else_can_replace_them) {
  const testing::temporary_directory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  ASSERT_TRUE(key_ring::open(directory.path() / "keys.json"));
  struct stat status {};
  ASSERT_EQ(::stat(directory.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0755U);
}

TEST(sealing_keys, are_the_same_for_all_who_start_at_once) {
  const testing::temporary_directory directory;
  std::vector<std::uint32_t> ids(8, 0);
  std::vector<std::thread> threads;
  threads.reserve(ids.size());
  for (auto& id : ids) {
    threads.emplace_back([&] {
      if (auto ring = key_ring::open(directory.path() / "keys.json"))
        id = ring->current_id();
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_NE(ids.front(), 0U);
  EXPECT_EQ(std::set<std::uint32_t>(ids.begin(), ids.end()).size(), 1U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{directory.path()}, {}), 1);
}

TEST(sealing_keys, survive_saving_a_rotation) {
  const testing::temporary_directory directory;
  const auto file = directory.path() / "keys.json";
  auto first = key_ring::open(file);
  ASSERT_TRUE(first);
  auto second = first->rotated();
  ASSERT_TRUE(second);
  ASSERT_TRUE(second->save(file));
  auto read = key_ring::open(file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->current_id(), second->current_id());
  EXPECT_EQ(read->ids(), second->ids());
}

TEST(sealing_keys, are_followed_while_they_change) {
  const testing::temporary_directory directory;
  const auto file = directory.path() / "keys.json";
  const auto serving = *key_ring::open(file);
  const auto copy = serving;
  const auto before = serving.seal("old", "row");

  const auto command = *key_ring::open(file);
  const auto rotated = *command.rotated();
  ASSERT_TRUE(rotated.save(file));
  const auto by_command = rotated.seal("new", "row");
  EXPECT_EQ(*copy.unseal(by_command, "row"), "new") << "the key it lacked was looked for at once";
  EXPECT_EQ(*sealed_with(serving.seal("later", "row")), rotated.current_id());
  EXPECT_EQ(*serving.unseal(before, "row"), "old");

  const auto again = *rotated.rotated();
  const auto tick = std::filesystem::last_write_time(file);
  ASSERT_TRUE(again.save(file));
  std::filesystem::last_write_time(file, tick); // as of two saves in a row
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (*sealed_with(serving.seal("x", "row")) != again.current_id()
         && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  EXPECT_EQ(serving.current_id(), again.current_id()) << "without being asked for anything";

  std::ofstream{file, std::ios::trunc} << "{";
  EXPECT_EQ(*serving.unseal(by_command, "row"), "new") << "a broken file changes nothing";
}

TEST(sealing_keys, that_are_let_go_open_nothing_more) {
  const auto first = new_ring();
  const auto second = *first.rotated();
  const auto left = second.only_current();
  EXPECT_EQ(left.ids(), std::vector{second.current_id()});
  EXPECT_EQ(left.unseal(first.seal("old", "row"), "row").why().code, errc::not_found);
  EXPECT_EQ(*left.unseal(second.seal("new", "row"), "row"), "new");
}

TEST(sealing_keys, are_never_replaced_when_the_file_cannot_be_read) {
  const testing::temporary_directory directory;
  const auto file = directory.path() / "keys.json";
  for (const std::string bad : {"",
                                "{",
                                "[]",
                                R"({"current": "00000001", "keys": {}})",
                                R"({"current": "00000001", "keys": {"00000001": "abc"}})",
                                R"({"current": 1, "keys": {"1": "abc"}})"}) {
    std::ofstream{file, std::ios::trunc} << bad;
    auto ring = key_ring::open(file);
    ASSERT_FALSE(ring) << bad;
    EXPECT_EQ(ring.why().code, errc::malformed);
    EXPECT_NE(ring.why().message.find("keys.json"), std::string::npos);
    EXPECT_EQ(content_of(file), bad);
  }
}

} // namespace
} // namespace hub::storage
