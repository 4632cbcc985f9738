#include "domain/file_type.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace hub::domain {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t looked_at = 4096;   // bytes at the start that tell a text from a page
constexpr std::size_t longest_name = 150; // bytes: file systems take 255, and names get endings

struct signature {
  std::size_t at;
  std::string_view bytes;
  std::string_view type;
};

// Formats that are known by their first bytes. What may hold something a reader would run is none
// of them: those are opaque.
constexpr std::array signatures{
  signature{0, "\x89PNG\r\n\x1a\n"sv, "image/png"},
  signature{0, "\xff\xd8\xff"sv, "image/jpeg"},
  signature{0, "GIF87a"sv, "image/gif"},
  signature{0, "GIF89a"sv, "image/gif"},
  signature{0, "II*\0"sv, "image/tiff"},
  signature{0, "MM\0*"sv, "image/tiff"},
  signature{0, "%PDF-"sv, "application/pdf"},
  signature{0, "PK\x03\x04"sv, "application/zip"},
  signature{0, "PK\x05\x06"sv, "application/zip"}, // an empty one
  signature{0, "\x1f\x8b\x08"sv, "application/gzip"},
  signature{0, "7z\xbc\xaf\x27\x1c"sv, "application/x-7z-compressed"},
  signature{0, "Rar!\x1a\x07"sv, "application/vnd.rar"},
  signature{0, "\x1a\x45\xdf\xa3"sv, "video/webm"}, // or Matroska, which is the same but for names
  signature{0, "OggS\0"sv, "audio/ogg"},
  signature{0, "ID3"sv, "audio/mpeg"},
  signature{0, "fLaC"sv, "audio/flac"},
  signature{0, "#!AMR"sv, "audio/amr"},
  signature{0, "{\\rtf"sv, "application/rtf"},
  signature{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "application/x-ole-storage"},
  signature{4, "ftypavif"sv, "image/avif"},
  signature{4, "ftyphei"sv, "image/heic"},
  signature{4, "ftypmif1"sv, "image/heif"},
  signature{4, "ftypM4A "sv, "audio/mp4"},
  signature{4, "ftypqt  "sv, "video/quicktime"},
  signature{4, "ftyp3g"sv, "video/3gpp"},
  signature{4, "ftyp"sv, "video/mp4"},
};

// Types that a format stands for when the sender says so.
struct kinship {
  std::string_view seen;
  std::string_view stated;
};
constexpr std::array kin{
  kinship{"application/zip",
          "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
  kinship{"application/zip", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
  kinship{"application/zip",
          "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
  kinship{"application/zip", "application/vnd.oasis.opendocument.text"},
  kinship{"application/zip", "application/vnd.oasis.opendocument.spreadsheet"},
  kinship{"application/zip", "application/vnd.oasis.opendocument.presentation"},
  kinship{"application/x-ole-storage", "application/msword"},
  kinship{"application/x-ole-storage", "application/vnd.ms-excel"},
  kinship{"application/x-ole-storage", "application/vnd.ms-powerpoint"},
  kinship{"application/x-ole-storage", "application/vnd.ms-outlook"},
  kinship{"video/mp4", "audio/mp4"},
  kinship{"video/webm", "audio/webm"},
  kinship{"video/webm", "video/x-matroska"},
  kinship{"audio/ogg", "video/ogg"},
  kinship{"text/plain", "text/csv"},
  kinship{"text/plain", "application/json"},
};

// What begins like this is run by some program, whatever its name; behind blanks, in any case.
constexpr std::array active_starts{"#!"sv, "@echo"sv, "%!ps"sv, "javascript:"sv};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<std::uint8_t>(bytes[at]) : std::uint8_t{0};
}

/// RIFF holds one of several; its kind is in the twelve first bytes.
std::string_view riff_type(std::string_view bytes) {
  if (!bytes.starts_with("RIFF") || bytes.size() < 12)
    return {};
  const auto form = bytes.substr(8, 4);
  if (form == "WEBP")
    return "image/webp";
  if (form == "WAVE")
    return "audio/wav";
  return form == "AVI " ? "video/x-msvideo" : std::string_view{};
}

/// Formats whose mark is a few bits: asked last, and only for the sender who says so.
std::string_view weakly_marked(std::string_view bytes, std::string_view stated) {
  const auto first = byte_at(bytes, 0);
  const auto second = byte_at(bytes, 1);
  if (first != 0xFF)
    return bytes.starts_with("BM") && stated == "image/bmp" ? "image/bmp" : std::string_view{};
  if ((second & 0xF6U) == 0xF0U && stated.starts_with("audio/"))
    return "audio/aac";
  if ((second & 0xE0U) == 0xE0U && (second & 0x06U) != 0 && stated.starts_with("audio/"))
    return "audio/mpeg";
  return {};
}

/// UTF-8 without control characters that texts have no use for. The cut at the end may part a
/// character.
bool is_text(std::string_view bytes) {
  if (bytes.empty())
    return false;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f') || byte == 0x7F)
      return false;
  }
  for (int cut = 0; cut < 4 && !bytes.empty(); ++cut, bytes.remove_suffix(1))
    if (clean_utf8(bytes) == bytes)
      return true;
  return false;
}

/// Markup, from which a browser makes a page or a picture with scripts, and scripts.
bool is_active(std::string_view start) {
  if (start.starts_with("\xEF\xBB\xBF"))
    start.remove_prefix(3);
  const auto first = start.find_first_not_of(" \t\r\n\f");
  if (first == std::string_view::npos)
    return false;
  const auto text = lowered(start.substr(first));
  const char next = text.size() > 1 ? text[1] : ' ';
  const bool opens_tag = (next >= 'a' && next <= 'z') || next == '!' || next == '?' || next == '/';
  return (text.front() == '<' && opens_tag)
         || std::ranges::any_of(active_starts, [&](auto mark) { return text.starts_with(mark); });
}

std::string_view seen_type(std::string_view bytes, std::string_view stated) {
  for (const auto& known : signatures)
    if (bytes.size() >= known.at && bytes.substr(known.at).starts_with(known.bytes))
      return known.type;
  if (const auto riff = riff_type(bytes); !riff.empty())
    return riff;
  if (const auto weak = weakly_marked(bytes, stated); !weak.empty())
    return weak;
  const auto start = bytes.substr(0, looked_at);
  return is_text(start) && !is_active(start) ? "text/plain" : opaque_type;
}

/// The media type alone, in lower case.
std::string bare_type(std::string_view stated) {
  auto type = lowered(stated.substr(0, stated.find(';')));
  while (type.ends_with(' '))
    type.pop_back();
  return type;
}

// Browsers show these, or hand them to a reader of their own; none of them can run anything here.
constexpr std::array shown_types{
  "image/png"sv,
  "image/jpeg"sv,
  "image/gif"sv,
  "image/webp"sv,
  "image/avif"sv,
  "image/bmp"sv,
  "image/tiff"sv,
  "image/heic"sv,
  "image/heif"sv,
  "application/pdf"sv,
  "application/zip"sv,
  "application/gzip"sv,
  "application/json"sv,
};

struct ending {
  std::string_view type;
  std::string_view text;
};
constexpr std::array endings{
  ending{"image/png", ".png"},
  ending{"image/jpeg", ".jpg"},
  ending{"image/gif", ".gif"},
  ending{"image/webp", ".webp"},
  ending{"application/pdf", ".pdf"},
  ending{"text/plain", ".txt"},
  ending{"text/csv", ".csv"},
  ending{"audio/ogg", ".ogg"},
  ending{"audio/mpeg", ".mp3"},
  ending{"video/mp4", ".mp4"},
};

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || "!#$&+-.^_`|~ ()"sv.find(c) != std::string_view::npos;
}

/// RFC 8187, `attr-char`: what need not be percent-encoded.
bool is_attribute_character(char c) {
  return is_plain(c) && c != ' ' && c != '(' && c != ')';
}

/// What turns the reading order around, or is not seen, hides what a file's ending is.
bool is_hidden(std::string_view text, std::size_t at, std::size_t& length) {
  const auto first = byte_at(text, at);
  const auto second = byte_at(text, at + 1);
  const auto third = byte_at(text, at + 2);
  if (first == 0xC2 && second >= 0x80 && second <= 0x9F)
    return length = 2, true; // C1 controls
  if (first == 0xD8 && second == 0x9C)
    return length = 2, true; // the Arabic letter mark
  const bool general =
    first == 0xE2
    && ((second == 0x80 && ((third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE)))
        || (second == 0x81 && third >= 0xA0 && third <= 0xAF));
  const bool mark = first == 0xEF && second == 0xBB && third == 0xBF;
  return (general || mark) && (length = 3, true);
}

/// The last segment of a path without what no file system, or reader, takes as it is.
std::string clean_name(std::string_view name) {
  const auto clean = clean_utf8(name);
  std::string out;
  for (std::size_t at = 0; at < clean.size();) {
    std::size_t length = 1;
    if (is_hidden(clean, at, length)) {
      at += length;
      continue;
    }
    const char c = clean[at++];
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    if (control)
      continue;
    out += "\"*/:<>?\\|%"sv.find(c) != std::string_view::npos ? '_' : c;
  }
  const auto first = out.find_first_not_of(". ");
  if (first == std::string::npos)
    return {};
  out.erase(0, first);
  out.erase(out.find_last_not_of(". ") + 1);
  return out;
}

/// At most so many bytes, of which the ending stays, and never half a character.
std::string shortened_name(std::string name) {
  if (name.size() <= longest_name)
    return name;
  const auto dot = name.rfind('.');
  const bool has_ending = dot != std::string::npos && name.size() - dot <= 12;
  const auto tail = has_ending ? name.substr(dot) : std::string{};
  auto end = longest_name - tail.size();
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U)
    --end;
  return name.substr(0, end) + tail;
}

} // namespace

std::string_view type_of_file(std::string_view bytes, std::string_view stated) {
  const auto said = bare_type(stated);
  const auto seen = seen_type(bytes, said);
  for (const auto& known : kin)
    if (known.seen == seen && known.stated == said)
      return known.stated;
  return seen == "application/x-ole-storage" ? opaque_type : seen;
}

bool is_allowed_type(std::string_view type, std::span<const std::string> allowed) {
  return std::ranges::any_of(allowed, [&](const std::string& each) {
    return each.ends_with('/') ? type.starts_with(each) : type == each;
  });
}

std::string content_type_for(std::string_view type) {
  if (type == "text/plain" || type == "text/csv")
    return std::string{type} + "; charset=utf-8";
  const bool heard = type.starts_with("audio/") || type.starts_with("video/");
  if (heard || std::ranges::find(shown_types, type) != shown_types.end())
    return std::string{type};
  return std::string{opaque_type};
}

std::string disposition_for(std::string_view file_name, std::string_view type) {
  auto name = shortened_name(clean_name(file_name));
  if (name.empty()) {
    const auto found = std::ranges::find(endings, type, &ending::type);
    name = std::string{"attachment"}.append(found == endings.end() ? "" : found->text);
  }
  std::string plain;
  std::string encoded;
  bool same = true;
  for (const char c : name) {
    const bool stays = is_plain(c);
    same = same && stays;
    // One mark for each character, not for each of its bytes.
    if (stays)
      plain += c;
    else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U)
      plain += '_';
    if (is_attribute_character(c)) {
      encoded += c;
    } else {
      constexpr auto digits = "0123456789ABCDEF"sv;
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4U];
      encoded += digits[byte & 0xFU];
    }
  }
  auto header = "attachment; filename=\"" + plain + '"';
  if (!same)
    header += "; filename*=UTF-8''" + encoded;
  return header;
}

} // namespace hub::domain
