#include "http/server/webhooks/take_in.hpp"

#include "http/server/ask.hpp"
#include "http/server/webhooks/signature.hpp"

#include <algorithm>
#include <utility>

namespace hub::http {

namespace {

domain::result<domain::intake> normalise(const received_delivery& delivery) {
  const domain::raw_delivery raw{*delivery.body, delivery.content_type, delivery.received_at};
  switch (delivery.platform) { // no default: a new channel must say whether it has a normaliser
  case domain::channel::slack:
    return domain::normalise_slack(raw);
  case domain::channel::intercom:
    return domain::normalise_intercom(raw);
  case domain::channel::whatsapp:
    return domain::normalise_whatsapp(raw);
  case domain::channel::email:
  case domain::channel::in_app:
  case domain::channel::api:
    break;
  }
  return domain::fail(domain::errc::invalid_input, "this channel has no webhooks");
}

domain::intake_item item_of(const received_delivery& delivery, const domain::uuid& workspace) {
  domain::intake_item item;
  item.workspace = workspace;
  item.platform = delivery.platform;
  item.received_at = delivery.received_at;
  item.occurred_at = delivery.received_at;
  item.content_type = delivery.content_type;
  item.payload = delivery.body;
  item.replayed_by = delivery.replayed_by;
  return item;
}

/// A delivery without a readable id is known by its bytes, so that a retry is still a replay.
domain::intake_item unreadable(const received_delivery& delivery,
                               const domain::uuid& workspace,
                               const domain::failure& why) {
  auto item = item_of(delivery, workspace);
  item.delivery_id = "sha256:" + sha256_hex(*delivery.body);
  // A retry may come tomorrow; the id alone must find it, so its day must not depend on the clock.
  item.occurred_at = {};
  item.settles = delivery.replays;
  item.content = domain::not_understood{why.message};
  return item;
}

domain::intake_item readable(const received_delivery& delivery,
                             const domain::uuid& workspace,
                             domain::delivery_item&& read) {
  auto item = item_of(delivery, workspace);
  if (const auto* aside = std::get_if<domain::not_understood>(&read.content)) {
    auto alone = delivery;
    if (read.own_payload)
      alone.body = std::make_shared<const std::string>(*std::move(read.own_payload));
    return unreadable(alone, workspace, domain::fail(domain::errc::invalid_input, aside->error));
  }
  item.delivery_id = std::move(read.delivery_id);
  item.occurred_at = read.occurred_at;
  if (read.own_payload)
    item.payload = std::make_shared<const std::string>(*std::move(read.own_payload));
  if (auto* said = std::get_if<domain::report>(&read.content)) {
    item.prepared = domain::prepare(said->text);
    item.content = std::move(*said);
  } else {
    item.content = std::get<domain::not_feedback>(std::move(read.content));
  }
  return item;
}

/// One delivery's items on their way in: a few at a time, since a shard refuses what exceeds its
/// queue, and a delivery may hold more than that for one conversation.
struct passage {
  static constexpr std::size_t most_in_flight = 64;

  std::vector<std::shared_ptr<const domain::intake_item>> items;
  const actors::directory* where = nullptr;
  std::function<void(domain::result<std::vector<actors::taken_in>>)> done;
  std::vector<actors::taken_in> outcomes;
  std::optional<domain::failure> failed;
  std::size_t sent = 0;
  std::size_t answered = 0;

  static void send_next(caf::event_based_actor* self, const std::shared_ptr<passage>& all) {
    const auto i = all->sent++;
    self
      ->request(all->where->intake_for(all->items[i]->order_key()),
                answer_within,
                actors::take_in{all->items[i]})
      .then(
        [self, all, i](const actors::taken_in& taken) {
          all->outcomes[i] = taken;
          answer_arrived(self, all);
        },
        [self, all](const caf::error& error) {
          if (!all->failed)
            all->failed = actors::from_caf(error);
          answer_arrived(self, all);
        });
  }

  /// After a failure nothing more is sent: the whole delivery comes again.
  static void answer_arrived(caf::event_based_actor* self, const std::shared_ptr<passage>& all) {
    ++all->answered;
    if (!all->failed && all->sent < all->items.size())
      return send_next(self, all);
    if (all->answered < all->sent)
      return;
    if (all->failed)
      all->done(*std::move(all->failed));
    else
      all->done(std::move(all->outcomes));
  }
};

} // namespace

read_delivery read(const received_delivery& delivery, const domain::uuid& workspace) {
  read_delivery found;
  auto intake = normalise(delivery);
  if (!intake) {
    found.trouble = intake.why();
    found.items.push_back(
      std::make_shared<const domain::intake_item>(unreadable(delivery, workspace, intake.why())));
    return found;
  }
  found.answer = std::move(intake->answer);
  for (auto& read : intake->items) {
    auto item = readable(delivery, workspace, std::move(read));
    // A replayed delivery's row is settled by its first item.
    item.settles = found.items.empty() ? delivery.replays : std::nullopt;
    found.items.push_back(std::make_shared<const domain::intake_item>(std::move(item)));
  }
  return found;
}

void take_in_all(context& hub,
                 std::vector<std::shared_ptr<const domain::intake_item>> items,
                 std::function<void(domain::result<std::vector<actors::taken_in>>)> done) {
  if (items.empty())
    return done(std::vector<actors::taken_in>{});
  auto all = std::make_shared<passage>();
  all->outcomes.resize(items.size());
  all->items = std::move(items);
  all->where = &hub.where;
  all->done = std::move(done);
  // One actor sends them all: messages of one sender arrive in the order they were sent.
  const auto begin = [](caf::event_based_actor* self, const std::shared_ptr<passage>& one) {
    while (one->sent < std::min(one->items.size(), passage::most_in_flight))
      passage::send_next(self, one);
  };
  hub.system.spawn<caf::hidden>(begin, std::move(all));
}

} // namespace hub::http
