#include "domain/file_type.hpp"
#include "http/server/download.hpp"
#include "http/server/idempotent.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/routes/routes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;

constexpr std::size_t piece_size = std::size_t{1} << 20U;

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 0xFU];
  }
  return text;
}

/// A stored file, piece by piece.
class file_pieces {
public:
  file_pieces(storage::file_store& store, const storage::attachment_facts& file)
    : store_{store}, place_{file.place}, size_{file.row.file_size.value_or(0)} {}

  static void next(const std::shared_ptr<file_pieces>& self,
                   std::function<void(domain::result<file_piece>)> done) {
    const auto most =
      std::min<std::int64_t>(self->size_ - self->sent_, static_cast<std::int64_t>(piece_size));
    self->store_.read(self->place_,
                      self->sent_,
                      static_cast<std::size_t>(most),
                      [self, most, done = std::move(done)](domain::result<std::string> bytes) {
                        done(self->piece_of(std::move(bytes), most));
                      });
  }

private:
  domain::result<file_piece> piece_of(domain::result<std::string> bytes, std::int64_t wanted) {
    if (!bytes) // what is wrong with the store is for who runs it
      return fail(bytes.why().code == errc::not_found ? errc::not_found : errc::unavailable,
                  bytes.why().code == errc::not_found ? "the stored file is gone"
                                                      : "the place where files are kept is away");
    if (std::cmp_not_equal(bytes->size(), wanted))
      return fail(errc::unavailable, "the stored file is not as long as it was");
    sent_ += wanted;
    return file_piece{.bytes = *std::move(bytes), .last = sent_ == size_};
  }

  storage::file_store& store_;
  std::string place_;
  std::int64_t size_;
  std::int64_t sent_ = 0;
};

/// What keeps a browser from making anything of the bytes but a file, whatever they are.
file_facts facts_of(const storage::attachment_facts& file, const std::string& tag) {
  return {.content_type = domain::content_type_for(file.row.file_type),
          .disposition = domain::disposition_for(file.row.file_name, file.row.file_type),
          .headers = {{"ETag", tag},
                      // Each time it is shown is on record: no copy stays in a browser.
                      {"Cache-Control", "private, no-store"},
                      {"Content-Security-Policy",
                       "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'"},
                      {"Cross-Origin-Resource-Policy", "same-origin"}}};
}

/// A line of the audit log: a file is an original, which nobody has scrubbed.
domain::change
record_of(const context& hub, const caller& by, const storage::attachment_facts& file) {
  auto what = change_of(hub, by.workspace);
  what.action = action_of(
    hub, by, "attachment_opened", to_string(file.row.id), {{"ticket_id", to_string(file.ticket)}});
  return what;
}

void send_content(context& hub,
                  const call& request,
                  const stream_places& places,
                  const storage::attachment_facts& file,
                  const reply_handle& reply_to) {
  if (file.row.status == "pending")
    return reply_to->send(error_reply(
      409, "file_pending", "the file is still on its way here; ask again in a little while"));
  if (file.row.status != "stored")
    return reply_to->send(
      error_reply(404, "file_not_kept", "there is no file: " + file.row.failure.value_or("")));
  const auto tag = '"' + hex_of(file.sha256) + '"';
  if (const auto known = request.header("if-none-match");
      known && known->find(tag) != std::string_view::npos)
    return reply_to->send({.status = 304,
                           .content_type = {},
                           .body = {},
                           .headers = {{"ETag", tag}, {"Cache-Control", "private, no-store"}}});
  if (hub.files == nullptr)
    return reply_to->send(error_reply(fail(errc::unavailable, "this hub has no place for files")));
  auto place = places(request);
  if (!place)
    return reply_to->send(error_reply(place.why()));
  commit_once(hub,
              record_of(hub, request.by(), file),
              reply_to,
              [&hub, file, tag, reply_to, place = *std::move(place)](const send_reply&) {
                auto pieces = std::make_shared<file_pieces>(*hub.files, file);
                send_file(
                  hub.system,
                  std::move(*reply_to),
                  facts_of(file, tag),
                  [pieces](auto done) { file_pieces::next(pieces, std::move(done)); },
                  place);
              });
}

} // namespace

void mount_attachments(edge::server& server, context& hub, stream_places places) {
  // Who reads tickets sees texts from which personal data was taken out; from a picture nobody can.
  server.route(
    "GET",
    "/api/attachments/:id/content",
    only_with(
      hub,
      domain::permission::pii_read,
      [places = std::move(places)](context& with, const call& request, edge::responder responder) {
        const auto id = id_in_path(request, "id");
        if (!id)
          return responder.send(error_reply(id.why()));
        auto reply_to = std::make_shared<edge::responder>(std::move(responder));
        with.reads.attachment_of(request.who.workspace,
                                 *id,
                                 [&with, request, places, reply_to](
                                   const domain::result<storage::attachment_facts>& found) {
                                   if (!found)
                                     return reply_to->send(error_reply(found.why()));
                                   send_content(with, request, places, *found, reply_to);
                                 });
      }));
}

} // namespace hub::http
