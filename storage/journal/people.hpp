#pragma once

#include "domain/change.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace hub::storage {

/// What the database knows of a Change's author.
struct known_person {
  std::optional<domain::uuid> identity_reporter; // whom the identity belongs to
  std::optional<std::string> identity_email;     // that person's address
  std::optional<domain::uuid> email_reporter;    // who owns the address the author wrote from
};

/// Decides, for the authors of one batch, who they are: by e-mail first, else by identity. A person
/// met twice in a batch is one person. Pure; the rows it asks for are written by the journal.
class people_of_batch {
public:
  /// The reporter of `author`, written or to be written.
  domain::uuid resolve(const domain::uuid& workspace,
                       const domain::person_record& author,
                       const known_person& known);

  /// Notes that `ticket` is where the author's last message went.
  void wrote_to(const domain::uuid& workspace,
                const domain::person_record& author,
                const domain::uuid& ticket);

  struct new_reporter {
    domain::uuid workspace;
    domain::uuid id;
    std::string name;
    std::optional<std::string> email;
    std::optional<std::string> locale;
    domain::time_point at;
  };
  struct identity {
    domain::uuid workspace;
    domain::channel platform{};
    std::string platform_user_id;
    domain::uuid reporter;
    std::string display_name;
    domain::time_point last_message_at;
    std::optional<domain::uuid> last_ticket;
    bool is_new = false;
    domain::uuid inserted_as; // if new: who it is until the batch's relinks, which start from here
  };
  struct found_email { // a person so far without an address
    domain::uuid workspace;
    domain::uuid reporter;
    std::string email;
  };
  struct relink { // an identity that turned out to be a person known by e-mail
    domain::uuid workspace;
    domain::channel platform{};
    std::string platform_user_id;
    domain::uuid from;
    domain::uuid to;
  };

  // In key order, so that concurrent transactions lock rows in one order and never deadlock.
  [[nodiscard]] std::vector<new_reporter> new_reporters() const;
  [[nodiscard]] std::vector<identity> identities() const;
  [[nodiscard]] const std::vector<found_email>& found_emails() const { return found_emails_; }
  [[nodiscard]] const std::vector<relink>& relinks() const { return relinks_; }

private:
  domain::uuid by_email(const domain::uuid& workspace,
                        const domain::person_record& author,
                        const known_person& known);
  domain::uuid make_reporter(const domain::uuid& workspace, const domain::person_record& author);

  std::vector<new_reporter> new_reporters_;
  std::unordered_map<std::string, identity> identities_; // by workspace, platform and user id
  std::unordered_map<std::string, domain::uuid> emails_; // by workspace and folded address
  std::unordered_map<domain::uuid, std::optional<std::string>> reporter_emails_;
  std::vector<found_email> found_emails_;
  std::vector<relink> relinks_;
};

/// The address as a batch compares it: ASCII letters in lower case. PostgreSQL's lower() may fold
/// more, by its locale; where they differ, the unique index decides.
std::string folded_email(const std::string& email);

} // namespace hub::storage
