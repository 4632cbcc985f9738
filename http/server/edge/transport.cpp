#include "http/server/edge/transport.hpp"

#include "http/server/edge/refusal.hpp"
#include "http/server/edge/request_id.hpp"
#include "http/server/edge/response_writer.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace hub::http::edge {
namespace {

using Pistache::Polling::NotifyOn;

constexpr long tick_nanoseconds = 100'000'000;
constexpr int accepts_per_turn = 64;
// What waits for a slow reader waits here, where it is counted, not in megabytes of the kernel's.
constexpr int max_unsent = 128 * 1024;
// Tasks beget tasks; after so many rounds the sockets have their turn.
constexpr int task_rounds = 8;

} // namespace

transport::transport(std::shared_ptr<Pistache::Tcp::Handler> idle,
                     std::shared_ptr<reactor_parts> parts)
  : Pistache::Tcp::Transport(idle),
    parts_(std::move(parts)),
    idle_(std::move(idle)),
    dispatcher_(parts_->shared, parts_->router, box_) {}

transport::~transport() {
  box_->close();
  again_.clear();
  retired_.clear();
  // The epoll is gone by now, and Pistache closes no peer of its own accord.
  for (const auto& [descriptor, open] : connections_) {
    open->closing();
    parts_->shared->addresses.release(open->peer());
    ::close(descriptor);
  }
  connections_.clear();
  if (timer_ >= 0)
    ::close(timer_);
}

std::shared_ptr<Pistache::Aio::Handler> transport::clone() const {
  return std::make_shared<transport>(idle_->clone(), parts_);
}

// ---- the reactor

void transport::watch(int descriptor) {
  poller_->addFd(descriptor,
                 Pistache::Flags<NotifyOn>(NotifyOn::Read),
                 Pistache::Polling::Tag(static_cast<std::uint64_t>(descriptor)));
}

void transport::registerPoller(Pistache::Polling::Epoll& poller) {
  Pistache::Tcp::Transport::registerPoller(poller);
  poller_ = &poller;
  index_ = parts_->threads_made++;
  timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer_ < 0)
    throw std::system_error(errno, std::generic_category(), "timerfd_create");
  itimerspec every{};
  every.it_interval.tv_nsec = every.it_value.tv_nsec = tick_nanoseconds;
  ::timerfd_settime(timer_, 0, &every, nullptr);
  watch(timer_);
  watch(box_->descriptor());
  watch(parts_->listener->descriptor());
  accepting_ = true;
}

void transport::onReady(const Pistache::Aio::FdSet& ready) {
  if (!std::exchange(adopted_, true))
    box_->adopt();
  const int listening = parts_->listener->descriptor();
  bool time_passed = false;
  bool somebody_knocks = false;
  for (const auto& event : ready) {
    const auto tag = static_cast<int>(event.getTag().value());
    if (tag == box_->descriptor())
      box_->acknowledge();
    else if (tag == timer_)
      time_passed = true;
    else if (tag == listening)
      somebody_knocks = true;
    else
      guarded(shared(), [&] { handle_event(event); });
  }
  resume_connections();
  if (time_passed)
    tick();
  run_tasks();
  close_retired();
  // Last: a descriptor closed above gets its new meaning only when no event of this round is left.
  if (somebody_knocks && accepting_)
    guarded(shared(), [&] { accept_some(); });
  if (!again_.empty())
    box_->wake();
  if (draining_) {
    std::size_t busy = 0;
    for (const auto& [descriptor, open] : connections_)
      busy += open->busy() ? 1 : 0;
    parts_->gate->report(index_, busy);
  }
}

void transport::handle_event(const Pistache::Aio::FdSet::Entry& event) {
  const auto found = connections_.find(static_cast<int>(event.getTag().value()));
  if (found == connections_.end()) {
    pass_to_pistache(event);
    return;
  }
  const auto live = found->second;
  if (event.isWritable())
    live->flush();
  live->receive();
}

// For Pistache's own queues. It may not see anything but "readable": it would look for data to
// write that it never had.
void transport::pass_to_pistache(const Pistache::Aio::FdSet::Entry& event) {
  Pistache::Polling::Event readable(event.getTag());
  readable.flags.setFlag(NotifyOn::Read);
  std::vector<Pistache::Polling::Event> one;
  one.push_back(readable);
  Pistache::Tcp::Transport::onReady(Pistache::Aio::FdSet(std::move(one)));
}

void transport::resume_connections() {
  for (const auto& waiting : std::exchange(again_, {}))
    guarded(shared(), [&] { waiting->resume(); });
}

void transport::run_tasks() {
  for (int round = 0; round < task_rounds; ++round) {
    const auto tasks = box_->take();
    if (tasks.empty())
      return;
    for (const auto& task : tasks)
      guarded(shared(), task);
  }
  box_->wake();
}

void transport::tick() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto cleared = ::read(timer_, &count, sizeof count);
  const auto now = steady::now();
  // No answer given here adds or erases connections: they retire, and are erased later.
  for (const auto& [descriptor, open] : connections_)
    guarded(shared(), [&, &open = open] { open->check_deadline(now); });
  if (!accepting_ && !draining_)
    accepting_ = guarded(shared(), [&] { watch(parts_->listener->descriptor()); });
}

// ---- what connections ask for

void transport::dispatch(connection& from, request_head&& head, std::string&& body) {
  const auto peer = peers.find(from.descriptor());
  std::weak_ptr<Pistache::Tcp::Peer> known;
  if (peer != peers.end())
    known = peer->second;
  const Pistache::Http::ResponseWriter writer(Pistache::Http::Version::Http11,
                                              this,
                                              static_cast<Pistache::Http::Handler*>(idle_.get()),
                                              std::move(known));
  dispatcher_.dispatch(from, std::move(head), std::move(body), writer);
}

void transport::watch_writable(connection& which) {
  // Edge triggered and for good: a spurious wake-up is cheaper than switching it on and off.
  reactor()->modifyFd(key(),
                      which.descriptor(),
                      NotifyOn::Read | NotifyOn::Write | NotifyOn::Shutdown,
                      Pistache::Polling::Mode::Edge);
}

void transport::run_again(connection& which) {
  again_.push_back(which.shared_from_this());
}

void transport::retire(connection& which) {
  retired_.push_back(which.shared_from_this());
}

void transport::close_retired() {
  for (const auto& gone : std::exchange(retired_, {}))
    guarded(shared(), [&] { forget(gone->descriptor()); });
}

void transport::forget(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end())
    return;
  found->second->closing();
  shared().addresses.release(found->second->peer());
  connections_.erase(found);
  const auto peer = peers.find(descriptor);
  if (peer != peers.end())
    removePeer(std::shared_ptr(peer->second)); // a copy: it erases the map's own
  else
    ::close(descriptor);
}

// ---- accepting

bool transport::accept_some() {
  for (int count = 0; count < accepts_per_turn; ++count) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int descriptor = ::accept4(parts_->listener->descriptor(),
                                     std::bit_cast<sockaddr*>(&from),
                                     &size,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      welcome(descriptor, from);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      pause_accepting(); // out of descriptors or memory: the clients wait in the backlog
      return false;
    }
  }
  return true;
}

void transport::welcome(int descriptor, const sockaddr_storage& from) {
  const auto address = address_text(from);
  if (!shared().addresses.admit(address)) {
    turn_away(descriptor);
    return;
  }
  const int one = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &max_unsent, sizeof max_unsent);
  const bool registered = guarded(shared(), [&] {
    auto copy = from;
    const auto peer = Pistache::Tcp::Peer::Create(
      descriptor, Pistache::Address::fromUnix(std::bit_cast<sockaddr*>(&copy)));
    peer->putData(dispatcher::slot_name(), dispatcher_.slot());
    connections_.emplace(descriptor, std::make_shared<connection>(*this, descriptor, address));
    handleNewPeer(peer);
  });
  if (registered) {
    ++shared().accepted;
    return;
  }
  connections_.erase(descriptor);
  peers.erase(descriptor);
  shared().addresses.release(address);
  ::close(descriptor);
}

void transport::turn_away(int descriptor) {
  ++shared().accept_pauses;
  ++shared().rejected;
  auto what = to_reply(refusals::too_many_connections);
  what.headers.emplace_back("Retry-After", "1");
  const auto id = make_request_id();
  const auto text =
    write_head(what, {.request_id = id, .cors_origin = {}, .length = what.body.size()}) + what.body;
  // Only if it fits at once; then what has arrived is read, because closing a socket with unread
  // bytes resets it.
  ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(descriptor, SHUT_WR);
  [[maybe_unused]] const auto unread =
    ::recv(descriptor, scratch_.data(), scratch_.size(), MSG_DONTWAIT);
  ::close(descriptor);
}

void transport::pause_accepting() {
  ++shared().accept_pauses;
  accepting_ = false; // until the next tick
  poller_->removeFd(parts_->listener->descriptor());
}

// ---- draining

void transport::begin_drain() {
  box_->post([this] { drain_here(); });
}

void transport::drain_here() {
  if (std::exchange(draining_, true))
    return;
  // Clients in the backlog believe they are connected; those that have already asked get answers.
  guarded(shared(), [&] {
    for (int turn = 0; turn < 16 && accept_some(); ++turn) {
    }
  });
  if (std::exchange(accepting_, false))
    guarded(shared(), [&] { poller_->removeFd(parts_->listener->descriptor()); });
  parts_->listener->let_go();
  for (const auto& [descriptor, open] : connections_)
    guarded(shared(), [&, &open = open] {
      open->receive();
      open->close_if_idle();
    });
}

} // namespace hub::http::edge
