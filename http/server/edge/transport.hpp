#pragma once

#include "http/server/edge/connection.hpp"
#include "http/server/edge/dispatcher.hpp"
#include "http/server/edge/drain_gate.hpp"
#include "http/server/edge/edge_state.hpp"
#include "http/server/edge/listener.hpp"
#include "http/server/edge/mailbox.hpp"

#include <pistache/http.h>
#include <pistache/os.h>
#include <pistache/peer.h>
#include <pistache/reactor.h>
#include <pistache/router.h>
#include <pistache/transport.h>

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace hub::http::edge {

/// What every reactor thread of one server is made from.
struct reactor_parts {
  std::shared_ptr<edge_state> shared;
  std::shared_ptr<Pistache::Rest::Router> router;
  std::shared_ptr<edge::listener> listener;
  std::shared_ptr<drain_gate> gate;
  std::atomic<std::size_t> threads_made = 0;
};

/// One reactor thread. Pistache supplies the thread, its epoll and the peers; accepting, reading,
/// writing and closing are ours, because Pistache addresses them by descriptor number alone.
class transport : public Pistache::Tcp::Transport, public connection_host {
public:
  transport(std::shared_ptr<Pistache::Tcp::Handler> idle, std::shared_ptr<reactor_parts> parts);
  ~transport() override;

  // Pistache's side.
  [[nodiscard]] std::shared_ptr<Pistache::Aio::Handler> clone() const override;
  void registerPoller(Pistache::Polling::Epoll& poller) override;
  void onReady(const Pistache::Aio::FdSet& ready) override;

  // The connections' side.
  edge_state& shared() override { return *parts_->shared; }
  std::span<char> scratch() override { return scratch_; }
  void dispatch(connection& from, request_head&& head, std::string&& body) override;
  void watch_writable(connection& which) override;
  void run_again(connection& which) override;
  void retire(connection& which) override;

  /// Stops accepting and closes what is idle. From any thread.
  void begin_drain();
  /// Refuses further tasks. From any thread.
  void close_box() { box_->close(); }

private:
  void watch(int descriptor);
  void handle_event(const Pistache::Aio::FdSet::Entry& event);
  void pass_to_pistache(const Pistache::Aio::FdSet::Entry& event);
  void resume_connections();
  void run_tasks();
  void close_retired();
  void tick();
  void drain_here();
  bool accept_some();
  void welcome(int descriptor, const sockaddr_storage& from);
  void turn_away(int descriptor);
  void pause_accepting();
  void forget(int descriptor);

  const std::shared_ptr<reactor_parts> parts_;
  const std::shared_ptr<mailbox> box_ = std::make_shared<mailbox>();
  const std::shared_ptr<Pistache::Tcp::Handler> idle_;
  dispatcher dispatcher_;
  std::array<char, 16UL * 1024> scratch_{};

  Pistache::Polling::Epoll* poller_ = nullptr;
  int timer_ = -1;
  std::size_t index_ = 0; // among the server's threads
  bool adopted_ = false;  // the mailbox knows this thread
  bool accepting_ = false;
  bool draining_ = false;

  std::unordered_map<int, std::shared_ptr<connection>> connections_; // by descriptor
  std::vector<std::shared_ptr<connection>> again_;
  std::vector<std::shared_ptr<connection>> retired_;
};

/// Pistache wants one; all it would do is done by `transport`.
class idle_handler : public Pistache::Http::Handler {
public:
  HTTP_PROTOTYPE(idle_handler)

  void onRequest(const Pistache::Http::Request&, Pistache::Http::ResponseWriter) override {}
  void onConnection(const std::shared_ptr<Pistache::Tcp::Peer>&) override {}
  void onInput(const char*, std::size_t, const std::shared_ptr<Pistache::Tcp::Peer>&) override {}
};

} // namespace hub::http::edge
