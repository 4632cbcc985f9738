#include "http/server/edge/mailbox.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <thread>

namespace hub::tests {
namespace {

using hub::http::edge::mailbox;

bool signalled(const mailbox& box) {
  pollfd one{.fd = box.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

void post_from_elsewhere(mailbox& box) {
  std::thread([&] { EXPECT_TRUE(box.post([] {})); }).join();
}

TEST(mailboxes, signal_every_task_that_comes_after_the_last_acknowledgement) {
  mailbox box;
  box.adopt();
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(signalled(box));
    post_from_elsewhere(box);
    post_from_elsewhere(box);
    EXPECT_TRUE(signalled(box));
    box.acknowledge();
    EXPECT_FALSE(signalled(box));
    post_from_elsewhere(box); // between acknowledging and taking: taken now, and announced again
    EXPECT_TRUE(signalled(box));
    EXPECT_EQ(box.take().size(), 3U);
    box.acknowledge();
    EXPECT_TRUE(box.take().empty());
  }
}

TEST(mailboxes, need_no_signal_from_their_owner) {
  mailbox box;
  box.adopt();
  EXPECT_TRUE(box.post([] {}));
  EXPECT_FALSE(signalled(box));
  EXPECT_EQ(box.take().size(), 1U);
  box.wake();
  EXPECT_TRUE(signalled(box));
}

TEST(mailboxes, drop_tasks_once_closed) {
  mailbox box;
  const auto held = std::make_shared<int>(1);
  EXPECT_TRUE(box.post([held] {}));
  EXPECT_EQ(held.use_count(), 2);
  box.close();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(box.post([held] {}));
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(box.take().empty());
}

} // namespace
} // namespace hub::tests
