#include "actors/watcher/watcher.hpp"

#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace hub::testing {

struct stumble {};

} // namespace hub::testing

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::testing::stumble)

namespace hub::actors {
namespace {

using testing::stumble;

// With an argument: for a function without any, CAF makes a reference to null.
caf::behavior fragile(caf::event_based_actor* self, int) {
  self->set_error_handler([](caf::error&) {});
  return {
    [](const stumble&) { throw std::logic_error("a bug"); },
  };
}

class watcher : public testing::actor_fixture {
protected:
  watcher() {
    for (const auto* name : {"one", "two", "three"})
      all_.push_back({name, spawn(fragile, 0)});
    spawn(watcher_behavior, all_, [this](const std::string& name, const caf::error& why) {
      lost_.push_back(name);
      EXPECT_FALSE(system_.render(why).empty());
    });
    run();
  }
  ~watcher() override { all_.clear(); }

  std::vector<watched_actor> all_;
  std::vector<std::string> lost_;
};

TEST_F(watcher, tells_who_ended_by_a_fault_or_by_itself) {
  caf::anon_send(all_[1].handle, stumble{});
  run();
  EXPECT_THAT(lost_, ::testing::ElementsAre("two"));
  end(all_[0].handle, caf::exit_reason::kill);
  EXPECT_THAT(lost_, ::testing::ElementsAre("two", "one"));
}

TEST_F(watcher, says_nothing_of_those_who_were_told_to_end) {
  for (const auto& each : all_)
    end(each.handle, caf::exit_reason::user_shutdown);
  EXPECT_THAT(lost_, ::testing::IsEmpty());
}

} // namespace
} // namespace hub::actors
