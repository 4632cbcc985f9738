#include "storage/journal/batch.hpp"

#include "storage/journal/row_set.hpp"
#include "storage/journal/statements.hpp"
#include "storage/reads/row_reading.hpp"
#include "storage/sealing.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace hub::storage {

namespace {

using domain::change;
using domain::delivery_outcome;
using domain::uuid;
using domain::verdict;

std::optional<uuid> unless_nil(const uuid& id) {
  return id.is_nil() ? std::nullopt : std::optional{id};
}

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

std::string_view as_bytes(const uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

template <std::size_t Columns>
void insert_all(row_set<Columns>&& rows, pqxx::transaction_base& tx, const char* name) {
  if (rows.empty())
    return;
  const auto wanted = rows.size();
  if (std::move(rows).run(tx, name).affected_rows() != wanted)
    throw lost_race{};
}

/// The channel a Change speaks on; look-ups need one even where nothing can be found.
domain::channel platform_of(const change& item) {
  if (item.delivery)
    return item.delivery->platform;
  if (item.message)
    return item.message->platform;
  return item.author ? item.author->platform : domain::channel::api;
}

} // namespace

journal_batch::journal_batch(pqxx::transaction_base& tx,
                             std::span<const change* const> changes,
                             const key_ring& keys,
                             std::int16_t slot)
  : tx_{tx}, keys_{keys}, slot_{slot} {
  entries_.reserve(changes.size());
  for (const auto* item : changes) {
    entry row;
    row.change = item;
    if (item->opens)
      row.ticket = item->opens->id;
    else if (item->updates)
      row.ticket = item->updates->id;
    else if (item->message)
      row.ticket = item->message->ticket_id;
    row.verdict.ticket_id = row.ticket;
    if (item->delivery)
      row.verdict.delivery_id = item->delivery->id;
    entries_.push_back(std::move(row));
  }
}

std::vector<verdict> journal_batch::run() {
  lock_senders();
  look_up();
  check_replays();
  check_idempotency();
  check_claims();
  check_dead_letters();
  check_decisions();
  apply_updates(); // first of the writes: a conflict takes all its Change's rows away
  write_changelog_steps();
  lock_notifications(); // after what may have taken them back
  check_notifications();
  resolve_people();
  write_people();
  write_tickets();
  write_sources();
  write_identities();
  write_messages();
  write_attachments();
  settle_files();
  settle_replays();
  write_deliveries();
  write_events();
  write_idempotency();
  store_answers();
  write_job_steps();
  write_jobs();
  write_operations();
  write_send_reports();
  write_triage();
  write_notification_steps();
  follow_jobs();
  write_reviews();
  write_cooldowns();
  count_tickets();
  count_intake();
  std::vector<verdict> verdicts;
  verdicts.reserve(entries_.size());
  for (auto& item : entries_)
    verdicts.push_back(std::move(item.verdict));
  return verdicts;
}

void journal_batch::settle(entry& item, verdict::kind what) {
  item.verdict.what = what;
  item.stands = what == verdict::kind::committed;
}

template <class Wanted, class Key>
std::vector<const journal_batch::entry*> journal_batch::select(Wanted wanted, Key key) const {
  std::vector<const entry*> chosen;
  for (const auto& item : entries_)
    if (wanted(item))
      chosen.push_back(&item);
  std::ranges::stable_sort(chosen, {}, key);
  return chosen;
}

void journal_batch::lock_senders() {
  if (std::ranges::none_of(entries_, [](const entry& item) {
        const auto& opens = item.change->opens;
        return opens && opens->thread && opens->thread->joins_since;
      }))
    return;
  std::set<std::tuple<std::string, std::string_view, std::string_view>> senders;
  for (const auto& item : entries_)
    if (const auto& author = item.change->author; author && !author->platform_user_id.empty())
      senders.emplace(
        to_string(item.change->workspace), to_string(author->platform), author->platform_user_id);
  row_set<3> rows;
  for (const auto& [workspace, platform, user] : senders)
    rows.add(workspace, platform, user);
  std::move(rows).run(tx_, statements::lock_senders.name);
}

void journal_batch::look_up() {
  row_set<10> wanted;
  std::vector<entry*> asked;
  for (auto& item : entries_) {
    const auto& what = *item.change;
    settle(item, verdict::kind::committed);
    if (!what.delivery && !what.message && !what.opens && !what.author)
      continue; // nothing of it can be known yet
    asked.push_back(&item);
    const auto* thread = what.opens && what.opens->thread ? &*what.opens->thread : nullptr;
    const auto* delivery = what.delivery && !what.delivery->settles ? &*what.delivery : nullptr;
    const auto* author = what.author ? &*what.author : nullptr;
    wanted.add(what.workspace,
               to_string(platform_of(what)),
               delivery ? std::optional{delivery->external_id} : std::nullopt,
               delivery ? std::optional{day_of{delivery->occurred_at}} : std::nullopt,
               thread ? std::optional{thread->thread_id} : std::nullopt,
               what.message ? unless_empty(what.message->external_id) : std::nullopt,
               thread ? thread->quoted_message_id : std::nullopt,
               author ? unless_empty(author->platform_user_id) : std::nullopt,
               thread ? thread->joins_since : std::nullopt,
               author && author->email ? std::optional{folded_email(*author->email)}
                                       : std::nullopt);
  }
  if (asked.empty())
    return;
  for (const auto& known : std::move(wanted).run(tx_, statements::look_up.name)) {
    auto& item = *asked[known[0].as<std::size_t>()];
    judge_delivery(item, known);
    if (item.stands && item.change->opens)
      judge_thread(item, known);
    item.known.identity_reporter = optional_in(known[6], id_in);
    if (!known[7].is_null())
      item.known.identity_email = known[7].as<std::string>();
    item.known.email_reporter = optional_in(known[8], id_in);
  }
}

void journal_batch::judge_delivery(entry& item, const pqxx::row& known) {
  if (!known[1].is_null()) { // a replay: only counted
    settle(item, verdict::kind::duplicate);
    item.verdict.delivery_id = id_in(known[1]);
    if (const auto first = domain::parse_delivery_outcome(known[2].c_str()))
      item.verdict.first_outcome = *first;
    item.verdict.ticket_id = id_in(known[3]);
  } else if (!known[4].is_null()) { // a new delivery of a known message: recorded as what it is
    settle(item, verdict::kind::duplicate);
    item.verdict.ticket_id = id_in(known[4]);
    item.ticket = item.verdict.ticket_id;
  }
}

void journal_batch::judge_thread(entry& item, const pqxx::row& known) {
  if (known[5].is_null())
    return;
  settle(item, verdict::kind::known_thread);
  item.verdict.ticket_id = id_in(known[5]);
}

void journal_batch::check_replays() {
  row_set<2> wanted;
  std::vector<entry*> asked;
  for (auto& item : entries_) {
    if (!item.change->delivery || !item.change->delivery->settles)
      continue;
    wanted.add(item.change->workspace, *item.change->delivery->settles);
    asked.push_back(&item);
  }
  if (asked.empty())
    return;
  for (const auto& known : std::move(wanted).run(tx_, statements::find_settled.name)) {
    auto& item = *asked[known[0].as<std::size_t>()];
    if (known[1].is_null()) {
      settle(item, verdict::kind::failed);
      item.verdict.why =
        domain::fail(domain::errc::not_found, "the delivery to be replayed is no longer kept");
      continue;
    }
    const auto first = domain::parse_delivery_outcome(known[1].c_str());
    if (!first || *first == delivery_outcome::quarantined)
      continue;
    settle(item, verdict::kind::duplicate);
    item.settled_before = true;
    item.verdict.delivery_id = *item.change->delivery->settles;
    item.verdict.first_outcome = *first;
    item.verdict.ticket_id = id_in(known[2]);
  }
}

void journal_batch::check_idempotency() {
  row_set<3> wanted;
  std::vector<entry*> asked;
  for (auto& item : entries_) {
    if (!item.stands || !item.change->idempotency)
      continue;
    const auto& key = *item.change->idempotency;
    const std::string_view hash{reinterpret_cast<const char*>(key.request_hash.data()),
                                key.request_hash.size()};
    wanted.add(item.change->workspace, key.key, bytes{hash});
    asked.push_back(&item);
  }
  if (asked.empty())
    return;
  for (const auto& known : std::move(wanted).run(tx_, statements::find_idempotent.name)) {
    auto& item = *asked[known[0].as<std::size_t>()];
    settle(item, verdict::kind::duplicate);
    item.verdict.ticket_id = id_in(known[1]);
    item.verdict.same_request = known[2].as<bool>();
  }
}

void journal_batch::resolve_people() {
  for (auto& item : entries_) {
    if (!item.stands || !item.change->author)
      continue;
    item.reporter = people_.resolve(item.change->workspace, *item.change->author, item.known);
    if (!item.ticket.is_nil())
      people_.wrote_to(item.change->workspace, *item.change->author, item.ticket);
  }
}

void journal_batch::write_people() {
  row_set<6> rows;
  for (const auto& person : people_.new_reporters())
    rows.add(person.workspace, person.id, person.name, person.email, person.locale, person.at);
  insert_all(std::move(rows), tx_, statements::add_reporters.name);

  row_set<3> emails;
  for (const auto& found : people_.found_emails())
    emails.add(found.workspace, found.reporter, found.email);
  if (!emails.empty())
    std::move(emails).run(tx_, statements::set_emails.name);
}

void journal_batch::write_tickets() {
  row_set<12> rows;
  std::vector<entry*> opened;
  for (auto& item : entries_) {
    if (!item.stands || !item.change->opens)
      continue;
    const auto& ticket = *item.change->opens;
    rows.add(item.change->workspace,
             ticket.id,
             ticket.title,
             ticket.description,
             to_string(ticket.type),
             ticket.urgency,
             to_string(ticket.original_channel),
             unless_nil(item.reporter),
             ticket.tags,
             ticket.metadata,
             ticket.pii_types,
             item.change->at);
    opened.push_back(&item);
    cells_.emplace_back(item.change->workspace,
                        std::pair{ticket_cell{std::string{to_string(domain::ticket_status::open)},
                                              std::string{to_string(ticket.original_channel)},
                                              ticket.urgency,
                                              std::string{to_string(ticket.type)}},
                                  1});
  }
  if (opened.empty())
    return;
  const auto numbers = std::move(rows).run(tx_, statements::add_tickets.name);
  for (std::size_t i = 0; i < opened.size(); ++i) {
    opened[i]->verdict.number = numbers[static_cast<int>(i)][0].as<std::int64_t>();
    opened[i]->verdict.version = 1;
  }
}

void journal_batch::apply_updates() {
  row_set<12> rows;
  std::vector<entry*> asked;
  for (auto& item : entries_)
    if (item.stands && item.change->updates)
      asked.push_back(&item);
  if (asked.empty())
    return;
  std::ranges::sort(asked, {}, [](const entry* item) { return item->ticket; });
  for (const auto* item : asked) {
    const auto& update = *item->change->updates;
    rows.add(item->change->workspace,
             update.id,
             update.expected_version,
             update.title,
             update.description,
             update.type ? std::optional{to_string(*update.type)} : std::nullopt,
             update.urgency,
             update.status ? std::optional{to_string(*update.status)} : std::nullopt,
             update.tags,
             update.more_pii_types,
             item->change->at,
             update.cause);
  }
  std::vector<bool> done(asked.size(), false);
  for (const auto& row : std::move(rows).run(tx_, statements::update_tickets.name)) {
    const auto position = row[0].as<std::size_t>();
    done[position] = true;
    auto& item = *asked[position];
    item.verdict.version = row[1].as<std::int64_t>();
    item.verdict.number = row[2].as<std::int64_t>();
    const std::string channel = row[3].c_str();
    ticket_cell before{row[4].c_str(), channel, row[5].as<int>(), row[6].c_str()};
    ticket_cell after{row[7].c_str(), channel, row[8].as<int>(), row[9].c_str()};
    if (before != after) {
      cells_.emplace_back(item.change->workspace, std::pair{std::move(before), -1});
      cells_.emplace_back(item.change->workspace, std::pair{std::move(after), 1});
    }
  }
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (!done[i])
      settle(*asked[i], verdict::kind::conflict);
}

void journal_batch::write_sources() {
  row_set<7> rows;
  const auto opened = select(
    [](const entry& item) {
      return item.stands && item.change->opens && item.change->opens->thread;
    },
    [](const entry* item) -> const auto& { return item->change->opens->thread->thread_id; });
  for (const auto* item : opened) {
    const auto& ticket = *item->change->opens;
    const auto& delivery = item->change->delivery;
    rows.add(item->change->workspace,
             to_string(ticket.original_channel),
             ticket.thread->thread_id,
             ticket.id,
             unless_empty(ticket.external_url),
             delivery ? std::optional{delivery->settles.value_or(delivery->id)} : std::nullopt,
             item->change->at);
  }
  insert_all(std::move(rows), tx_, statements::add_sources.name);
}

void journal_batch::write_identities() {
  row_set<7> added;
  row_set<6> touched;
  for (const auto& who : people_.identities()) {
    if (who.is_new)
      added.add(who.workspace,
                to_string(who.platform),
                who.platform_user_id,
                who.inserted_as,
                who.display_name,
                who.last_message_at,
                who.last_ticket);
    else
      touched.add(who.workspace,
                  to_string(who.platform),
                  who.platform_user_id,
                  who.display_name,
                  who.last_message_at,
                  who.last_ticket);
  }
  insert_all(std::move(added), tx_, statements::add_identities.name);
  if (!touched.empty())
    std::move(touched).run(tx_, statements::touch_identities.name);
  for (const auto& link : people_.relinks())
    tx_.exec_prepared(statements::relink_identity.name,
                      to_string(link.workspace),
                      std::string{to_string(link.platform)},
                      link.platform_user_id,
                      to_string(link.from),
                      to_string(link.to),
                      domain::to_rfc3339(entries_.front().change->at));
}

void journal_batch::write_messages() {
  row_set<11> rows;
  const auto said =
    select([](const entry& item) { return item.stands && item.change->message; },
           [](const entry* item) -> const auto& { return item->change->message->external_id; });
  for (const auto* item : said) {
    const auto& message = *item->change->message;
    const auto sealed = message.original
                          ? std::optional{keys_.seal(*message.original, as_bytes(message.id))}
                          : std::nullopt;
    rows.add(item->change->workspace,
             message.id,
             item->ticket,
             to_string(message.platform),
             unless_empty(message.external_id),
             message.direction,
             message.author,
             message.body,
             sealed ? std::optional{bytes{*sealed}} : std::nullopt,
             message.pii_types,
             item->change->at);
  }
  insert_all(std::move(rows), tx_, statements::add_messages.name);
}

void journal_batch::write_attachments() {
  row_set<11> rows;
  for (const auto& item : entries_) {
    if (!item.stands || item.change->attachments.empty())
      continue;
    const auto message =
      item.change->message ? std::optional{item.change->message->id} : std::nullopt;
    for (const auto& attached : item.change->attachments)
      rows.add(item.change->workspace,
               attached.id,
               item.ticket,
               message,
               to_string(platform_of(*item.change)),
               unless_empty(attached.file.external_id),
               attached.file.file_name,
               attached.file.file_type,
               attached.file.file_size,
               unless_empty(attached.file.url),
               item.change->at);
  }
  insert_all(std::move(rows), tx_, statements::add_attachments.name);
}

delivery_outcome journal_batch::outcome_of(const entry& item) {
  if (item.verdict.what == verdict::kind::duplicate)
    return delivery_outcome::duplicate;
  if (item.change->opens)
    return delivery_outcome::created;
  if (item.change->message)
    return delivery_outcome::attached;
  return item.change->delivery->outcome;
}

void journal_batch::settle_replays() {
  row_set<7> rows;
  std::map<uuid, entry*> asked;
  for (auto& item : entries_) {
    if (!item.change->delivery || !item.change->delivery->settles || item.settled_before)
      continue;
    const bool known_message = item.verdict.what == verdict::kind::duplicate;
    if (!item.stands && !known_message)
      continue;
    const auto& delivery = *item.change->delivery;
    // Nothing in place of the payload: it is another workspace's now.
    const bool given_away = delivery.payload && delivery.payload->empty();
    const auto nothing = given_away ? keys_.seal({}, as_bytes(*delivery.settles)) : std::string{};
    rows.add(item.change->workspace,
             *delivery.settles,
             to_string(outcome_of(item)),
             delivery.error,
             unless_nil(item.ticket),
             item.stands && item.change->message ? std::optional{item.change->message->id}
                                                 : std::nullopt,
             given_away ? std::optional{bytes{nothing}} : std::nullopt);
    item.verdict.delivery_id = *delivery.settles;
    asked.emplace(*delivery.settles, &item);
  }
  if (asked.empty())
    return;
  const auto settled = std::move(rows).run(tx_, statements::settle_deliveries.name);
  if (settled.affected_rows() != asked.size())
    throw lost_race{}; // somebody replayed it at the same time; the next look-up tells
}

void journal_batch::write_deliveries() {
  row_set<12> rows;
  const auto kept = select(
    [](const entry& item) {
      if (!item.change->delivery || item.change->delivery->settles)
        return false;
      // A replay of a known delivery is counted, not stored; a known message under a new delivery
      // id is stored.
      const bool known_message = item.verdict.what == verdict::kind::duplicate
                                 && !item.ticket.is_nil()
                                 && item.verdict.delivery_id == item.change->delivery->id;
      return item.stands || known_message;
    },
    [](const entry* item) -> const auto& { return item->change->delivery->external_id; });
  for (const auto* item : kept) {
    const auto& delivery = *item->change->delivery;
    const auto sealed = keys_.seal(*delivery.payload, as_bytes(delivery.id));
    rows.add(item->change->workspace,
             to_string(delivery.platform),
             delivery.external_id,
             day_of{delivery.occurred_at},
             delivery.id,
             to_string(outcome_of(*item)),
             unless_empty(delivery.error),
             delivery.content_type,
             bytes{sealed},
             unless_nil(item->ticket),
             item->stands && item->change->message ? std::optional{item->change->message->id}
                                                   : std::nullopt,
             delivery.received_at);
  }
  insert_all(std::move(rows), tx_, statements::add_deliveries.name);
}

void journal_batch::write_events() {
  row_set<8> rows;
  for (const auto& item : entries_) {
    if (!item.stands)
      continue;
    for (const auto& event : item.change->events)
      rows.add(item.change->workspace,
               event.id,
               event.ticket_id,
               event.type,
               event.actor_type,
               event.actor_id,
               event.data,
               item.change->at);
  }
  insert_all(std::move(rows), tx_, statements::add_events.name);
}

void journal_batch::write_idempotency() {
  row_set<6> rows;
  for (const auto& item : entries_) {
    if (!item.stands || !item.change->idempotency)
      continue;
    const auto& key = *item.change->idempotency;
    const std::string_view hash{reinterpret_cast<const char*>(key.request_hash.data()),
                                key.request_hash.size()};
    rows.add(
      item.change->workspace, key.key, bytes{hash}, item.ticket, key.status, item.change->at);
  }
  insert_all(std::move(rows), tx_, statements::add_idempotent.name);
}

void journal_batch::store_answers() {
  row_set<3> rows;
  for (const auto& item : entries_)
    if (item.stands && item.change->answer)
      rows.add(item.change->workspace, item.change->answer->key, item.change->answer->body);
  if (!rows.empty())
    std::move(rows).run(tx_, statements::store_answers.name);
}

void journal_batch::count_tickets() {
  std::map<std::pair<uuid, ticket_cell>, std::int64_t> sums;
  for (auto& [workspace, delta] : cells_)
    sums[{workspace, delta.first}] += delta.second;
  row_set<7> rows;
  for (const auto& [cell, n] : sums)
    if (n != 0)
      rows.add(cell.first,
               cell.second.status,
               cell.second.channel,
               cell.second.urgency,
               cell.second.type,
               slot_,
               n);
  if (!rows.empty())
    std::move(rows).run(tx_, statements::count_tickets.name);
}

void journal_batch::count_intake() {
  struct tally {
    std::int64_t received = 0;
    std::array<std::int64_t, domain::all_delivery_outcomes.size()> outcomes{};
  };
  std::map<std::tuple<uuid, std::string, std::string>, tally> sums;
  for (const auto& item : entries_) {
    const bool counted = item.stands || item.verdict.what == verdict::kind::duplicate;
    if (!item.change->delivery || !counted || item.settled_before)
      continue;
    const auto& delivery = *item.change->delivery;
    auto& sum = sums[{item.change->workspace,
                      std::string{to_string(delivery.platform)},
                      domain::to_rfc3339(delivery.received_at).substr(0, 10)}];
    // A settled replay moves one delivery from quarantined to what it became.
    if (delivery.settles)
      --sum.outcomes[static_cast<std::size_t>(delivery_outcome::quarantined)];
    else
      ++sum.received;
    ++sum.outcomes[static_cast<std::size_t>(outcome_of(item))];
  }
  row_set<10> rows;
  for (const auto& [key, sum] : sums)
    rows.add(std::get<0>(key),
             std::get<1>(key),
             std::get<2>(key),
             slot_,
             sum.received,
             sum.outcomes[0],
             sum.outcomes[1],
             sum.outcomes[2],
             sum.outcomes[3],
             sum.outcomes[4]);
  if (!rows.empty())
    std::move(rows).run(tx_, statements::count_intake.name);
}

} // namespace hub::storage
