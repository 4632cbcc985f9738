#include "http/server/edge/connection.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace hub::tests {
namespace {

namespace edge = hub::http::edge;

/// A connection over a socket pair, with the test in the reactor's place: what is a matter of luck
/// under load can be counted here.
class one_turn : public testing::Test, public edge::connection_host {
protected:
  one_turn() : state_(edge::server_options{}) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
    const int large = 1 << 20;
    ::setsockopt(ends_[1], SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
    connection_ = std::make_shared<edge::connection>(*this, ends_[0], "127.0.0.1");
  }

  ~one_turn() override {
    connection_.reset();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  edge::edge_state& shared() override { return state_; }
  std::span<char> scratch() override { return scratch_; }
  void dispatch(edge::connection& from, edge::request_head&&, std::string&&) override {
    ++dispatched_;
    if (answering_)
      from.answer(from.sequence(), {.status = 204, .content_type = {}, .body = {}, .headers = {}});
  }
  void watch_writable(edge::connection&) override { ++watched_; }
  void run_again(edge::connection&) override { ++again_; }
  void retire(edge::connection&) override { ++retired_; }

  void arrive(const std::string& bytes) const {
    EXPECT_EQ(::send(ends_[1], bytes.data(), bytes.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(bytes.size()));
  }

  [[nodiscard]] int waiting() const {
    int bytes = 0;
    ::ioctl(ends_[0], FIONREAD, &bytes);
    return bytes;
  }

  edge::edge_state state_;
  std::array<int, 2> ends_{};
  std::array<char, 16UL * 1024> scratch_{};
  std::shared_ptr<edge::connection> connection_;
  bool answering_ = true;
  int dispatched_ = 0;
  int again_ = 0;
  int watched_ = 0;
  int retired_ = 0;
};

TEST_F(one_turn, takes_so_many_bytes_and_no_more) {
  arrive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 150000\r\n\r\n"
         + std::string(150'000, 'b'));
  const int all = waiting();
  connection_->receive();
  EXPECT_EQ(all - waiting(), 64 * 1024);
  EXPECT_EQ(again_, 1);
  connection_->resume();
  connection_->resume();
  EXPECT_EQ(waiting(), 0);
  EXPECT_EQ(dispatched_, 1);
}

TEST_F(one_turn, serves_so_many_requests_and_no_more) {
  std::string all;
  for (int i = 0; i < 40; ++i)
    all += "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  arrive(all);
  connection_->receive();
  EXPECT_EQ(dispatched_, 16);
  EXPECT_EQ(again_, 1);
  connection_->resume();
  EXPECT_EQ(dispatched_, 32);
  connection_->resume();
  EXPECT_EQ(dispatched_, 40);
  EXPECT_EQ(again_, 2);
  EXPECT_EQ(retired_, 0);
}

TEST_F(one_turn, leaves_to_the_kernel_what_is_sent_ahead_of_the_answers) {
  answering_ = false;
  arrive("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(200'000, 'G'));
  for (int turn = 0; turn < 10; ++turn)
    connection_->receive();
  EXPECT_EQ(dispatched_, 1);
  EXPECT_GT(waiting(), 100'000);
}

TEST_F(one_turn, is_busy_from_the_first_byte_of_a_request) {
  EXPECT_FALSE(connection_->busy());
  arrive("G");
  connection_->receive();
  EXPECT_TRUE(connection_->busy());
  connection_->close_if_idle();
  EXPECT_EQ(retired_, 0);
  connection_->check_deadline(edge::steady::now() + std::chrono::hours(1));
  EXPECT_EQ(state_.rejected, 1U);
}

TEST_F(one_turn, retires_once) {
  ::shutdown(ends_[1], SHUT_WR);
  connection_->receive();
  connection_->receive();
  connection_->close_if_idle();
  connection_->check_deadline(edge::steady::time_point::max());
  EXPECT_EQ(retired_, 1);
}

} // namespace
} // namespace hub::tests
