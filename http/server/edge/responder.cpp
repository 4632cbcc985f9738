#include "http/server/edge/connection.hpp"
#include "http/server/edge/refusal.hpp"
#include "http/server/edge/responder_state.hpp"
#include "http/server/edge/response_writer.hpp"
#include "http/server/edge/stream_state.hpp"

#include <utility>

namespace hub::http::edge {
namespace {

/// Runs `act` on the connection in its own thread, or counts the answer as stale.
template <typename Act>
bool deliver(const responder::state& to, Act act) {
  return to.box->post([shared = to.shared, target = to.target, act = std::move(act)]() mutable {
    if (const auto live = target.lock())
      act(*live);
    else
      ++shared->stale_replies;
  });
}

/// Closes a stream whose connection never adopted it: that task can be dropped unexecuted.
class adoption {
public:
  explicit adoption(std::shared_ptr<stream::state> offered) : offered_(std::move(offered)) {}
  adoption(const adoption&) = delete;
  adoption& operator=(const adoption&) = delete;
  ~adoption() {
    if (offered_)
      offered_->close();
  }

  std::shared_ptr<stream::state> take() { return std::move(offered_); }

private:
  std::shared_ptr<stream::state> offered_;
};

} // namespace

responder::responder(std::unique_ptr<state> held) : state_(std::move(held)) {}

responder::responder(responder&&) noexcept = default;

responder::~responder() {
  if (!state_)
    return;
  const auto last = std::move(state_);
  guarded(*last->shared, [&] {
    last->box->post([target = last->target, sequence = last->sequence] {
      if (const auto live = target.lock())
        live->abandoned(sequence);
    });
  });
}

void responder::send(reply answer) {
  const auto to = std::move(state_);
  if (!to)
    return;
  if (!is_well_formed(answer)) {
    ++to->shared->exceptions;
    answer = to_reply(refusals::internal);
  }
  auto act = [sequence = to->sequence, answer = std::move(answer)](connection& live) mutable {
    live.answer(sequence, std::move(answer));
  };
  if (!deliver(*to, std::move(act)))
    ++to->shared->stale_replies;
}

void responder::hang_up(farewell how) {
  const auto to = std::move(state_);
  if (!to)
    return;
  if (!deliver(*to,
               [sequence = to->sequence, how](connection& live) { live.hang_up(sequence, how); }))
    ++to->shared->stale_replies;
}

stream responder::open_stream(reply head) {
  if (!state_)
    return {};
  if (!is_well_formed(head) || is_bodiless(head.status)) {
    send(std::move(head));
    return {};
  }
  const auto to = std::move(state_);
  const auto capacity = to->shared->options.limits.max_stream_buffer;
  auto opened = std::make_shared<stream::state>(to->box, to->target, to->sequence, capacity);
  const auto offer = std::make_shared<adoption>(opened);
  auto act = [sequence = to->sequence, head = std::move(head), offer](connection& live) {
    live.open_stream(sequence, head, offer->take());
  };
  if (!deliver(*to, std::move(act)))
    ++to->shared->stale_replies;
  return stream(std::move(opened));
}

} // namespace hub::http::edge
