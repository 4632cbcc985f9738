#include "http/server/webhooks/place.hpp"

#include "domain/source.hpp"
#include "http/server/workspaces.hpp"

#include <algorithm>
#include <utility>

namespace hub::http {

namespace {

using domain::intake_item;
using domain::report;

/// An item, and what its account says about where it belongs.
struct candidate {
  std::shared_ptr<const intake_item> item;
  domain::placement where;
  std::vector<std::string> accounts;

  /// Whether it may have been taken in elsewhere. Only what became a message would be there twice.
  [[nodiscard]] bool needs_a_look() const {
    return !where.holders.empty() && item->occurred_at < where.settled_since
           && std::holds_alternative<report>(item->content);
  }
};

/// A delivery on its way to its workspaces.
struct sorting {
  workspaces& known;
  read_delivery found;
  std::vector<candidate> candidates;
  std::optional<domain::uuid> replays;
  domain::uuid home;
  std::function<void(domain::result<read_delivery>)> done;
};

std::shared_ptr<const intake_item> moved_to(const intake_item& item, const domain::uuid& to) {
  auto moved = item;
  moved.workspace = to;
  return std::make_shared<const intake_item>(std::move(moved));
}

/// Kept whole, unread, under an id that no other account's delivery has.
std::shared_ptr<const intake_item> set_aside(const candidate& one) {
  auto aside = *one.item;
  aside.delivery_id = domain::unplaced_id(one.accounts, aside.delivery_id);
  aside.content = domain::not_understood{domain::why_unplaced(aside.platform, one.accounts)};
  aside.prepared = {};
  return std::make_shared<const intake_item>(std::move(aside));
}

void conclude(sorting& all) {
  bool settled = false;
  for (auto& one : all.candidates) {
    if (!one.where.known) {
      one.item = set_aside(one);
      all.found.trouble = domain::fail(domain::errc::invalid_input,
                                       std::get<domain::not_understood>(one.item->content).error);
    }
    // Of a replay, the first item that is still the home workspace's settles its row.
    const bool settles = all.replays && one.item->workspace == all.home && !settled;
    settled = settled || settles;
    if (one.item->settles.has_value() != settles) {
      auto changed = *one.item;
      changed.settles = settles ? all.replays : std::nullopt;
      one.item = std::make_shared<const intake_item>(std::move(changed));
    }
    all.found.items.push_back(std::move(one.item));
  }
  all.done(std::move(all.found));
}

/// One item after the other, in the database's threads.
void look_at(const std::shared_ptr<sorting>& all, std::size_t next) {
  while (next < all->candidates.size() && !all->candidates[next].needs_a_look())
    ++next;
  if (next == all->candidates.size())
    return conclude(*all);
  const auto& one = all->candidates[next];
  const auto& message = std::get<report>(one.item->content).message_id;
  all->known.holder_of(one.where.holders,
                       one.item->platform,
                       message,
                       [all, next](domain::result<std::optional<domain::uuid>> holder) {
                         if (!holder)
                           return all->done(std::move(holder).why());
                         if (*holder) {
                           auto& found = all->candidates[next];
                           found.item = moved_to(*found.item, **holder);
                           found.where.known = true;
                         }
                         look_at(all, next + 1);
                       });
}

} // namespace

void place(context& hub,
           const received_delivery& delivery,
           std::function<void(domain::result<read_delivery>)> done) {
  if (hub.known == nullptr)
    return done(read(delivery, hub.workspace));
  const auto sources = hub.known->sources();
  if (!sources)
    return done(sources.why());
  if (!(*sources)->has_any(delivery.platform))
    return done(read(delivery, hub.workspace));
  auto all = std::make_shared<sorting>(
    sorting{*hub.known, {}, {}, delivery.replays, hub.workspace, std::move(done)});
  const domain::raw_delivery raw{*delivery.body, delivery.content_type, delivery.received_at};
  for (auto& part : domain::split_by_account(delivery.platform, raw)) {
    const auto where = (*sources)->place(delivery.platform, part.accounts);
    auto own = delivery;
    if (part.own_body)
      own.body = std::make_shared<const std::string>(*std::move(part.own_body));
    auto understood = read(own, where.workspace);
    if (understood.answer)
      all->found.answer = std::move(understood.answer);
    if (understood.trouble)
      all->found.trouble = std::move(understood.trouble);
    for (auto& item : understood.items)
      all->candidates.push_back({std::move(item), where, part.accounts});
  }
  look_at(all, 0);
}

std::shared_ptr<const intake_item> given_away(const received_delivery& delivery,
                                              const domain::uuid& from) {
  intake_item item;
  item.workspace = from;
  item.platform = delivery.platform;
  item.delivery_id = "given_away:" + (delivery.replays ? to_string(*delivery.replays) : "");
  item.occurred_at = delivery.received_at;
  item.received_at = delivery.received_at;
  item.payload = std::make_shared<const std::string>();
  item.settles = delivery.replays;
  item.replayed_by = delivery.replayed_by;
  item.content = domain::not_feedback{"given_away"};
  return std::make_shared<const intake_item>(std::move(item));
}

} // namespace hub::http
