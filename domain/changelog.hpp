#pragma once

#include "domain/channel.hpp"
#include "domain/prompt.hpp"
#include "domain/redaction.hpp"
#include "domain/result.hpp"
#include "domain/ticket.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The changelog entry of a ticket: what its reporters are told once it is resolved. A model or a
/// person drafts it, a person approves it, and only then is it sent.
namespace hub::domain {

/// The headers of an entry, in their order: each begins a line, once, with text below.
inline constexpr std::array<std::string_view, 3> changelog_headers{
  "**What happened:**", "**How we fixed it:**", "**Going forward:**"};

/// The longest entry, in UTF-16 code units, as the channels count. WhatsApp takes 4,096 and refuses
/// more, Slack advises 4,000 (and cuts far above); Intercom and mail take any. What is left below
/// 4,096 pays for what rendering adds.
inline constexpr std::size_t longest_changelog = 4'000;

/// What keeps `text` from being an entry, a sentence each; empty when it is one.
std::vector<std::string> check_changelog(std::string_view text, const own_addresses& own = {});

/// An entry as a channel's provider file takes it: headers bold where the channel knows bold, the
/// rest plain. Nothing in it becomes markup, a mention or a link; links to and mail addresses at
/// `own` stay as they are. `&`, `<` and `>` are left alone, for Slack, too: `slack::post_message`
/// escapes them, and HTML is escaped by `intercom::reply_to`; done twice, people would see "&lt;".
std::string for_channel(channel where, std::string_view content, const own_addresses& own = {});

/// What there is to say about a ticket, as people wrote it.
struct changelog_context {
  std::string title;
  std::string description;
  std::string resolution_notes;
  std::string notion_page; // its text
};

/// What a person wants said to the model instead of the usual; empty keeps the usual.
struct prompt_override {
  std::string system;
  std::string user;
};

/// What is sent to a model to draft an entry. All of it, overrides too, is redacted; each piece of
/// the context is cut to its bound and goes as a JSON string.
prompt changelog_prompt(const changelog_context& about,
                        const privacy_rules& rules,
                        const prompt_override& instead = {});

/// What a person may look at before anything is sent.
struct changelog_preview {
  prompt sent;          // to the byte what `changelog_prompt` gives for the same arguments
  std::string original; // the user message before redaction; never leaves
  std::vector<redacted_piece> redactions;
};
changelog_preview preview_changelog(const changelog_context& about,
                                    const privacy_rules& rules,
                                    const prompt_override& instead = {});

/// Reads a model's answer: the entry alone, in a code fence or behind a word of introduction;
/// redacted again. `invalid_input` says what is missing and never quotes the answer.
result<std::string> read_changelog(std::string_view answer, const privacy_rules& rules);

/// The headers of the sections that differ between two entries.
std::vector<std::string_view> changed_sections(std::string_view before, std::string_view after);

enum class changelog_status : std::uint8_t { draft, approved };
[[nodiscard]] std::string_view to_string(changelog_status status);
[[nodiscard]] result<changelog_status> parse_changelog_status(std::string_view text);

struct changelog_entry {
  uuid id;
  uuid ticket_id;
  std::string content;
  changelog_status status = changelog_status::draft;
  std::int64_t version = 1; // +1 a change
  std::string approved_by;  // who, as an id; empty while a draft
  std::optional<time_point> approved_at;
};

// The steps of an entry. Pure: each gives the entry as it would be, to be saved under the condition
// that the stored version is still the one it began with.

/// A first draft, or with `current` one in its place, under the same id. `invalid_input` unless the
/// ticket is resolved, the content is an entry and `current` still a draft.
result<changelog_entry> draft_changelog(const uuid& new_id,
                                        const uuid& ticket,
                                        ticket_status status,
                                        std::string content,
                                        const changelog_entry* current = nullptr);

/// A draft with other words. `conflict` for a stale version (none asks for none), `invalid_input`
/// when it is no draft any more or the content is no entry.
result<changelog_entry> revise_changelog(const changelog_entry& entry,
                                         std::optional<std::int64_t> expected_version,
                                         std::string content);

/// The entry, approved by a person: never without one. `conflict` for a stale version and when it
/// is approved already, `invalid_input` when its ticket is not resolved (any more).
result<changelog_entry> approve_changelog(const changelog_entry& entry,
                                          ticket_status status,
                                          std::optional<std::int64_t> expected_version,
                                          std::string person,
                                          time_point now);

} // namespace hub::domain
