#include "http/server/webhooks/take_in.hpp"

#include "http/server/ask.hpp"
#include "http/server/webhooks/signature.hpp"

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

/// The answers to one delivery's items as they come in.
struct collection {
  std::vector<actors::taken_in> outcomes;
  std::optional<domain::failure> failed;
  std::size_t missing = 0;
  std::function<void(domain::result<std::vector<actors::taken_in>>)> done;

  void arrived() {
    if (--missing > 0)
      return;
    if (failed)
      done(*std::move(failed));
    else
      done(std::move(outcomes));
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
  // One actor sends them all: messages of one sender arrive in the order they were sent.
  hub.system.spawn<caf::hidden>([items = std::move(items),
                                 done = std::move(done),
                                 where = &hub.where](caf::event_based_actor* self) mutable {
    auto all = std::make_shared<collection>();
    all->outcomes.resize(items.size());
    all->missing = items.size();
    all->done = std::move(done);
    for (std::size_t i = 0; i < items.size(); ++i)
      self
        ->request(
          where->intake_for(items[i]->order_key()), answer_within, actors::take_in{items[i]})
        .then(
          [all, i](const actors::taken_in& taken) {
            all->outcomes[i] = taken;
            all->arrived();
          },
          [all](const caf::error& error) {
            if (!all->failed)
              all->failed = actors::from_caf(error);
            all->arrived();
          });
  });
}

} // namespace hub::http
