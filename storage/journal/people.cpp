#include "storage/journal/people.hpp"

#include <algorithm>

namespace hub::storage {

namespace {

std::string identity_key(const domain::uuid& workspace, const domain::person_record& author) {
  return to_string(workspace) + '/' + std::string{to_string(author.platform)} + '/'
         + author.platform_user_id;
}

std::string email_key(const domain::uuid& workspace, const std::string& email) {
  return to_string(workspace) + '/' + folded_email(email);
}

} // namespace

std::string folded_email(const std::string& email) {
  auto folded = email;
  std::ranges::transform(folded, folded.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return folded;
}

domain::uuid people_of_batch::make_reporter(const domain::uuid& workspace,
                                            const domain::person_record& author) {
  new_reporters_.push_back({workspace,
                            author.new_reporter_id,
                            author.display_name,
                            author.email,
                            author.locale,
                            author.wrote_at});
  reporter_emails_[author.new_reporter_id] = author.email;
  return author.new_reporter_id;
}

domain::uuid people_of_batch::by_email(const domain::uuid& workspace,
                                       const domain::person_record& author,
                                       const known_person& known) {
  const auto key = email_key(workspace, *author.email);
  if (const auto met = emails_.find(key); met != emails_.end())
    return met->second;
  const auto owner =
    known.email_reporter ? *known.email_reporter : make_reporter(workspace, author);
  emails_.emplace(key, owner);
  reporter_emails_[owner] = author.email;
  return owner;
}

domain::uuid people_of_batch::resolve(const domain::uuid& workspace,
                                      const domain::person_record& author,
                                      const known_person& known) {
  if (author.platform_user_id.empty())
    return author.email ? by_email(workspace, author, known) : make_reporter(workspace, author);

  const auto key = identity_key(workspace, author);
  auto here = identities_.find(key);
  if (here == identities_.end()) {
    identity entry{workspace,
                   author.platform,
                   author.platform_user_id,
                   {},
                   author.display_name,
                   author.wrote_at,
                   std::nullopt,
                   !known.identity_reporter.has_value(),
                   {}};
    if (known.identity_reporter) {
      entry.reporter = *known.identity_reporter;
      reporter_emails_.emplace(entry.reporter, known.identity_email);
    } else {
      entry.reporter =
        author.email ? by_email(workspace, author, known) : make_reporter(workspace, author);
    }
    entry.inserted_as = entry.reporter;
    here = identities_.emplace(key, std::move(entry)).first;
  }
  auto& who = here->second;
  who.last_message_at = std::max(who.last_message_at, author.wrote_at);
  if (!author.display_name.empty())
    who.display_name = author.display_name;
  if (!author.email)
    return who.reporter;

  auto& address = reporter_emails_[who.reporter];
  if (address && folded_email(*address) == folded_email(*author.email))
    return who.reporter;
  const auto owned = emails_.find(email_key(workspace, *author.email));
  const bool taken = owned != emails_.end() || known.email_reporter.has_value();
  if (!address && !taken) { // the first address we learn of this person
    address = author.email;
    emails_.emplace(email_key(workspace, *author.email), who.reporter);
    found_emails_.push_back({workspace, who.reporter, *author.email});
    return who.reporter;
  }
  const auto owner = by_email(workspace, author, known);
  if (!address) { // known by this identity alone: it is the person who owns the address
    relinks_.push_back({workspace, author.platform, author.platform_user_id, who.reporter, owner});
    who.reporter = owner;
  }
  return owner; // another address on a person who has one: the address speaks for this report only
}

void people_of_batch::wrote_to(const domain::uuid& workspace,
                               const domain::person_record& author,
                               const domain::uuid& ticket) {
  if (const auto here = identities_.find(identity_key(workspace, author));
      here != identities_.end())
    here->second.last_ticket = ticket;
}

std::vector<people_of_batch::new_reporter> people_of_batch::new_reporters() const {
  auto sorted = new_reporters_;
  std::ranges::sort(sorted, {}, [](const new_reporter& row) {
    return row.email ? email_key(row.workspace, *row.email) : to_string(row.id);
  });
  return sorted;
}

std::vector<people_of_batch::identity> people_of_batch::identities() const {
  std::vector<const std::pair<const std::string, identity>*> order;
  order.reserve(identities_.size());
  for (const auto& entry : identities_)
    order.push_back(&entry);
  std::ranges::sort(
    order, {}, [](const auto* entry) -> const std::string& { return entry->first; });
  std::vector<identity> sorted;
  sorted.reserve(order.size());
  for (const auto* entry : order)
    sorted.push_back(entry->second);
  return sorted;
}

} // namespace hub::storage
