#pragma once

#include "domain/report.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What every normaliser keeps to, so that the channels cannot drift apart.
namespace hub::domain {

/// Longer identifiers are refused, never cut: two long ids must not become one.
inline constexpr std::size_t max_identifier_bytes = 255;

/// The parts with ':' between them; empty when any part is, so that a missing part is noticed.
std::string joined_id(std::initializer_list<std::string_view> parts);

/// The first candidate that is not empty.
std::string first_of(std::initializer_list<std::string> candidates);

/// A provider's own word for something, as a `not_feedback` reason: snake_case, at most 64 bytes.
std::string reason_from(std::string_view word);

/// `text` without white space at its ends.
std::string_view trimmed(std::string_view text);

/// At most `bytes` bytes of valid UTF-8 text, cut between characters. For labels, never for ids.
std::string_view shortened(std::string_view text, std::size_t bytes);

/// A person's name as a label: trimmed, at most 255 bytes.
std::string label_of(std::string_view text);

/// "[image] photo.png" for each file, one a line: what stands for a message of files alone.
std::string names_of(const std::vector<attachment>& files);

/// Adds a fact unless it is empty; values are cut at 1,000 bytes.
void note(report& about, std::string_view name, std::string_view value);

/// A file's size, where the provider states a possible one.
std::optional<std::int64_t> size_from(std::optional<std::int64_t> stated);

/// `url` when a browser may open it, nothing otherwise.
std::string web_address(std::string url);

/// An email address as far as one can tell by looking at it.
std::optional<std::string> email_from(std::string_view text);

/// Sixteen hex digits that stand for `bytes`, where a provider gives an event no id.
std::string digest_of(std::string_view bytes);

/// Adds the item, unless an identifier in it cannot be used. A report's text is finished here:
/// trimmed, or told from its attachments; where neither says anything it is `empty`, no feedback.
outcome admit(delivery_item item, intake& to);

/// As `admit`; an item that cannot be used is set aside as not understood, without an id, so that
/// it takes none of its neighbours in the delivery with it.
void admit_or_set_aside(delivery_item item, intake& to);

/// The intake of a delivery that may have held several: an item set aside that is the only one
/// means that the delivery was not understood.
result<intake> concluded(intake understood);

/// The intake of a delivery that is a single item.
result<intake> only(delivery_item item);

} // namespace hub::domain
