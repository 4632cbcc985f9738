#include "actors/outward/attachment_fetch.hpp"

#include "actors/failure_bridge.hpp"
#include "domain/file_type.hpp"
#include "domain/json_reading.hpp"
#include "domain/provider.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace hub::actors {

namespace {

using domain::call_outcome;
using domain::errc;

// The longest a limiter lets anybody wait, and a little.
constexpr std::chrono::seconds permit_within{35};

/// Whose limits a download counts against. Intercom's files lie elsewhere than its API, at
/// addresses that say nothing of it.
std::optional<domain::provider> limited_by(domain::channel from) {
  switch (from) {
  case domain::channel::slack:
    return domain::provider::slack;
  case domain::channel::whatsapp:
    return domain::provider::whatsapp;
  case domain::channel::intercom:
  case domain::channel::email:
  case domain::channel::in_app:
  case domain::channel::api:
    return std::nullopt;
  }
  return std::nullopt;
}

call_outcome outcome_of(const domain::result<brought_file>& brought) {
  if (brought)
    return call_outcome::ok;
  switch (brought.why().code) {
  case errc::rate_limited:
    return call_outcome::throttled;
  case errc::unavailable:
  case errc::unknown_outcome:
  case errc::timed_out:
    return call_outcome::failed;
  default:
    return call_outcome::ok;
  }
}

/// One file on its way; copies are the same.
struct errand {
  attempt one;
  limiters_actor limiters;
  file_room with;
  domain::uuid attachment;

  void begin() const {
    with.reads.attachment_of(
      one.job().workspace,
      attachment,
      [*this, home = one.way_home()](const domain::result<storage::attachment_facts>& found) {
        home([*this, found] {
          if (!found)
            return one.fail(found.why());
          if (found->row.status == "stored")
            return one.succeed(); // by an attempt whose end nobody heard
          go_for(*found);
        });
      });
  }

  void go_for(const storage::attachment_facts& file) const {
    const auto whom = limited_by(file.from);
    if (!whom)
      return bring(file, [](const domain::result<brought_file>&) {});
    // A recipient that is nobody else: the pause between two messages to one person is not for
    // files, nor for another attempt at one.
    const auto wanted = want_permit{one.job().workspace, *whom, to_string(one.job().claim)};
    one.self()
      ->request(limiters, permit_within, wanted)
      .then(
        [*this, file](const permit& given) {
          bring(file, [*this, given](const domain::result<brought_file>& brought) {
            one.self()->send(given.from,
                             permit_used{given.call,
                                         outcome_of(brought),
                                         brought ? std::optional<std::chrono::seconds>{}
                                                 : brought.why().retry_after});
          });
        },
        [*this](const caf::error& error) { one.fail(why_no_permit(error)); });
  }

  template <class Ended>
  void bring(const storage::attachment_facts& file, Ended ended) const {
    with.source.bring({.workspace = one.job().workspace,
                       .from = file.from,
                       .external_id = file.external_id,
                       .url = file.source_url},
                      [*this, ended, stated = file.row.file_type, home = one.way_home()](
                        const domain::result<brought_file>& brought) {
                        home([*this, ended, stated, brought] {
                          ended(brought);
                          brought ? look_at(*brought, stated) : one.fail(brought.why());
                        });
                      });
  }

  void look_at(const brought_file& brought, const std::string& stated) const {
    if (!brought.why_not.empty())
      return settle(
        {.attachment = attachment, .why_not = brought.why_not, .place = {}, .type = {}});
    if (brought.bytes->empty())
      return settle({.attachment = attachment, .why_not = "it is empty", .place = {}, .type = {}});
    const std::string type{domain::type_of_file(*brought.bytes, stated)};
    if (!domain::is_allowed_type(type, with.allowed_types))
      return settle({.attachment = attachment,
                     .why_not = "files of its kind (" + type + ", by its bytes) are not kept",
                     .place = {},
                     .type = {}});
    with.store.put(
      one.job().workspace,
      attachment,
      brought.bytes,
      [*this, type, home = one.way_home()](const domain::result<storage::kept_file>& kept) {
        home([*this, type, kept] {
          if (!kept)
            return one.fail(kept.why());
          settle({.attachment = attachment,
                  .why_not = {},
                  .place = kept->place,
                  .type = type,
                  .size = kept->size,
                  .sha256 = kept->sha256});
        });
      });
  }

  void settle(domain::file_settlement how) const {
    domain::change what;
    what.workspace = one.job().workspace;
    what.at = one.around().now();
    what.file.emplace(std::move(how));
    one.succeed(std::make_shared<const domain::change>(std::move(what)));
  }
};

} // namespace

job_runner run_attachment_fetch(limiters_actor limiters, const file_room& with) {
  return [limiters = std::move(limiters), with](const attempt& one) {
    const auto args = domain::read_json(one.job().args);
    const auto id = domain::parse_uuid(args ? domain::text_at(*args, "attachment") : "");
    if (!id)
      return one.fail(domain::fail(errc::invalid_input, "the job names no attachment"));
    errand{one, limiters, with, *id}.begin();
  };
}

} // namespace hub::actors
