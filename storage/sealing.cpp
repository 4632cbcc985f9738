#include "storage/sealing.hpp"

#include "config/log.hpp"
#include "storage/private_file.hpp"

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

namespace hub::storage {

using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;

namespace {

constexpr unsigned char format_version = 1;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t head_size = 1 + 4 + nonce_size;

// A ring's identity that no later ring repeats, unlike an address: what a thread's context was last
// keyed with must not be mistaken for another ring's key.
std::atomic<std::uint64_t> next_ring{1};

// OpenSSL's setting up of a cipher costs more than sealing a short text, so each thread keeps its
// contexts, keyed as they were last used.
class thread_cipher {
public:
  explicit thread_cipher(bool seals) : seals_{seals} {}

  [[nodiscard]] EVP_CIPHER_CTX* ready(std::uint64_t ring,
                                      std::uint32_t key_id,
                                      const unsigned char* key,
                                      const unsigned char* nonce) {
    static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    if (context_ == nullptr || cipher == nullptr)
      return nullptr;
    const bool same = ring_ == ring && key_id_ == key_id;
    ring_ = 0;
    if (EVP_CipherInit_ex2(context_.get(),
                           same ? nullptr : cipher,
                           same ? nullptr : key,
                           nonce,
                           seals_ ? 1 : 0,
                           nullptr)
        != 1)
      return nullptr;
    ring_ = ring;
    key_id_ = key_id;
    return context_.get();
  }

private:
  struct free_context {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };

  std::unique_ptr<EVP_CIPHER_CTX, free_context> context_{EVP_CIPHER_CTX_new()};
  bool seals_ = true;
  std::uint64_t ring_ = 0;
  std::uint32_t key_id_ = 0;
};

unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// OpenSSL counts in `int`. `out` is null for associated data.
bool update(EVP_CIPHER_CTX* context, unsigned char* out, std::string_view in) {
  while (!in.empty()) {
    const auto part = in.substr(0, std::size_t{1} << 30U);
    int written = 0;
    if (EVP_CipherUpdate(context, out, &written, bytes(part), static_cast<int>(part.size())) != 1)
      return false;
    if (out != nullptr)
      out += written;
    in.remove_prefix(part.size());
  }
  return true;
}

std::string to_hex(const unsigned char* data, std::size_t size) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(size * 2);
  for (std::size_t at = 0; at < size; ++at) {
    text += digits[data[at] >> 4U];
    text += digits[data[at] & 15U];
  }
  return text;
}

bool from_hex(std::string_view text, unsigned char* data, std::size_t size) {
  if (text.size() != size * 2)
    return false;
  for (std::size_t at = 0; at < size; ++at) {
    const auto* first = text.data() + at * 2;
    const auto [end, error] = std::from_chars(first, first + 2, data[at], 16);
    if (error != std::errc{} || end != first + 2)
      return false;
  }
  return true;
}

std::array<unsigned char, 4> big_endian(std::uint32_t id) {
  return {static_cast<unsigned char>(id >> 24U),
          static_cast<unsigned char>(id >> 16U),
          static_cast<unsigned char>(id >> 8U),
          static_cast<unsigned char>(id)};
}

std::uint32_t from_big_endian(const unsigned char* at) {
  return static_cast<std::uint32_t>(at[0]) << 24U | static_cast<std::uint32_t>(at[1]) << 16U
         | static_cast<std::uint32_t>(at[2]) << 8U | static_cast<std::uint32_t>(at[3]);
}

std::string id_text(std::uint32_t id) {
  const auto raw = big_endian(id);
  return to_hex(raw.data(), raw.size());
}

// Going on would store a person's words in the clear or under a guessable nonce.
[[noreturn]] void give_up() {
  std::abort();
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
}

} // namespace

struct key_ring::keys {
  std::uint64_t ring = next_ring.fetch_add(1);
  std::uint32_t current = 0;
  std::map<std::uint32_t, key_bytes> by_id;

  keys() = default;
  keys(const keys& other) : current{other.current}, by_id{other.by_id} {}
  keys& operator=(const keys&) = delete;
  ~keys() {
    for (auto& [id, key] : by_id)
      OPENSSL_cleanse(key.data(), key.size());
  }

  // Ids are random, so that two nodes that each made a key can be given both.
  bool add_fresh() {
    std::array<unsigned char, 4> raw{};
    key_bytes key{};
    std::uint32_t id = 0;
    while (id == 0 || by_id.contains(id)) {
      if (RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1)
        return false;
      id = from_big_endian(raw.data());
    }
    if (RAND_priv_bytes(key.data(), static_cast<int>(key.size())) != 1)
      return false;
    by_id.emplace(id, key);
    OPENSSL_cleanse(key.data(), key.size());
    current = id;
    return true;
  }
};

/// What all copies of a ring hold: the keys, and the file they follow.
struct key_ring::shared {
  using clock = std::chrono::steady_clock;

  shared(std::shared_ptr<const keys> held, std::filesystem::path named)
    : now{std::move(held)}, file{std::move(named)}, seen{edition_now()} {}

  std::shared_ptr<const keys> current() {
    const std::lock_guard lock{mutex};
    if (!file.empty() && clock::now() >= look_again_at)
      look();
    return now;
  }

  /// Looks now: something needs a key that is not here.
  std::shared_ptr<const keys> newest() {
    const std::lock_guard lock{mutex};
    seen = {}; // whatever it says
    if (!file.empty())
      look();
    return now;
  }

private:
  /// Tells one saved file from the next. The time alone does not: file systems count it in ticks of
  /// some milliseconds. A ring is saved as a new file that takes the old one's name.
  struct edition {
    ino_t inode = 0;
    std::int64_t written = 0; // nanoseconds
    friend bool operator==(const edition&, const edition&) = default;
  };

  /// Of no file where it cannot be looked at.
  edition edition_now() const {
    struct stat facts {};
    if (file.empty() || ::stat(file.c_str(), &facts) != 0)
      return {};
    return {facts.st_ino,
            static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1'000'000'000
              + facts.st_mtim.tv_nsec};
  }

  /// A file that cannot be read just now leaves the keys as they are.
  void look() {
    look_again_at = clock::now() + follows_within / 2;
    const auto at = edition_now();
    if (at == seen)
      return;
    auto content = read_file(file);
    if (!content)
      return;
    auto fresh = parse(*content);
    wipe(*content);
    if (!fresh)
      return config::log(
        config::log_level::error, "sealing_keys_unreadable", {{"error", fresh.why().message}});
    seen = at;
    now = fresh->shared_->now;
    config::log(config::log_level::info,
                "sealing_keys_read_again",
                {{"current", id_text(now->current)}, {"keys", std::to_string(now->by_id.size())}});
  }

  std::mutex mutex;
  std::shared_ptr<const keys> now;
  const std::filesystem::path file;
  edition seen;
  clock::time_point look_again_at{clock::now() + follows_within / 2};
};

key_ring::key_ring(std::shared_ptr<const keys> held, const std::filesystem::path& file)
  : shared_{std::make_shared<shared>(std::move(held), file)} {}

result<key_ring> key_ring::generate() {
  auto made = std::make_shared<keys>();
  if (!made->add_fresh())
    return fail(errc::internal, "the system has no randomness to make a key from");
  return key_ring{std::move(made)};
}

result<key_ring> key_ring::parse(std::string_view json) {
  const auto document = nlohmann::json::parse(json, nullptr, false);
  const auto malformed = [](const std::string& what) {
    return fail(errc::malformed,
                "the sealing keys cannot be read: " + what
                  + "; restore them from a backup, because what they sealed opens with no others");
  };
  if (!document.is_object() || !document.contains("keys") || !document["keys"].is_object()
      || !document.contains("current") || !document["current"].is_string())
    return malformed("expected {\"current\": id, \"keys\": {id: key}}");
  auto read = std::make_shared<keys>();
  for (const auto& [name, value] : document["keys"].items()) {
    std::array<unsigned char, 4> id{};
    key_bytes key{};
    if (!from_hex(name, id.data(), id.size()))
      return malformed("an id is not 8 hexadecimal digits");
    if (!value.is_string()
        || !from_hex(value.get_ref<const std::string&>(), key.data(), key.size()))
      return malformed("key " + name + " is not 64 hexadecimal digits");
    read->by_id.emplace(from_big_endian(id.data()), key);
    OPENSSL_cleanse(key.data(), key.size());
  }
  std::array<unsigned char, 4> current{};
  if (!from_hex(document["current"].get_ref<const std::string&>(), current.data(), current.size())
      || !read->by_id.contains(from_big_endian(current.data())))
    return malformed("the current id names none of the keys");
  read->current = from_big_endian(current.data());
  return key_ring{std::move(read)};
}

result<key_ring> key_ring::open(const std::filesystem::path& named) {
  const auto file = std::filesystem::absolute(named);
  auto content = read_file(file);
  if (!content && content.why().code == errc::not_found) {
    auto fresh = generate();
    if (!fresh)
      return fresh;
    if (auto made = make_data_directory(file.parent_path()); !made)
      return made.why();
    auto json = fresh->to_json();
    auto written = write_private_file(file, json, existing_file::keep);
    wipe(json);
    if (written)
      return key_ring{fresh->shared_->current(), file};
    if (written.why().code != errc::conflict)
      return written.why();
    content = read_file(file);
  }
  if (!content)
    return content.why();
  auto ring = parse(*content);
  wipe(*content);
  if (!ring)
    return fail(ring.why().code, file.string() + ": " + ring.why().message);
  return key_ring{ring->shared_->current(), file};
}

outcome key_ring::save(const std::filesystem::path& file) const {
  auto json = to_json();
  auto written = write_private_file(file, json, existing_file::replace);
  wipe(json);
  return written;
}

result<key_ring> key_ring::rotated() const {
  auto next = std::make_shared<keys>(*shared_->current());
  if (!next->add_fresh())
    return fail(errc::internal, "the system has no randomness to make a key from");
  return key_ring{std::move(next)};
}

key_ring key_ring::only_current() const {
  const auto from = shared_->current();
  auto left = std::make_shared<keys>();
  left->current = from->current;
  left->by_id.emplace(*from->by_id.find(from->current));
  return key_ring{std::move(left)};
}

std::string key_ring::to_json() const {
  const auto held = shared_->current();
  std::string json = "{\n  \"current\": \"" + id_text(held->current) + "\",\n  \"keys\": {";
  const char* separator = "\n";
  for (const auto& [id, key] : held->by_id) {
    auto hex = to_hex(key.data(), key.size());
    json += separator;
    json += "    \"" + id_text(id) + "\": \"" + hex + "\"";
    wipe(hex);
    separator = ",\n";
  }
  json += "\n  }\n}\n";
  return json;
}

std::uint32_t key_ring::current_id() const {
  return shared_->current()->current;
}

std::vector<std::uint32_t> key_ring::ids() const {
  std::vector<std::uint32_t> all;
  const auto held = shared_->current();
  for (const auto& [id, key] : held->by_id)
    all.push_back(id);
  return all;
}

std::string key_ring::seal(std::string_view plain, std::string_view associated_data) const {
  thread_local thread_cipher cipher{true};
  const auto held = shared_->current();
  const auto id = held->current;
  const auto id_bytes = big_endian(id);
  std::string sealed(head_size + plain.size() + tag_size, '\0');
  auto* out = bytes(sealed);
  *out++ = format_version;
  out = std::copy(id_bytes.begin(), id_bytes.end(), out);
  if (RAND_bytes(out, static_cast<int>(nonce_size)) != 1)
    give_up();
  auto* context = cipher.ready(held->ring, id, held->by_id.at(id).data(), out);
  out += nonce_size;
  int rest = 0;
  if (context == nullptr || !update(context, nullptr, associated_data)
      || !update(context, out, plain) || EVP_CipherFinal_ex(context, out + plain.size(), &rest) != 1
      || EVP_CIPHER_CTX_ctrl(
           context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_size), out + plain.size())
           != 1)
    give_up();
  return sealed;
}

result<std::string> key_ring::unseal(std::string_view sealed,
                                     std::string_view associated_data) const {
  thread_local thread_cipher cipher{false};
  const auto with = sealed_with(sealed);
  if (!with)
    return with.why();
  const auto id = *with;
  auto held = shared_->current();
  if (!held->by_id.contains(id))
    held = shared_->newest();
  const auto key = held->by_id.find(id);
  if (key == held->by_id.end())
    return fail(errc::not_found,
                "sealed with key " + id_text(id)
                  + ", which this hub does not have: restore the file of sealing keys");
  const auto body = sealed.substr(head_size, sealed.size() - head_size - tag_size);
  std::array<unsigned char, tag_size> tag{};
  std::copy_n(bytes(sealed) + sealed.size() - tag_size, tag_size, tag.begin());
  std::string plain(body.size(), '\0');
  unsigned char none = 0;
  int rest = 0;
  auto* context = cipher.ready(held->ring, id, key->second.data(), bytes(sealed) + 5);
  if (context != nullptr && update(context, nullptr, associated_data)
      && update(context, bytes(plain), body)
      && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size), tag.data())
           == 1
      && EVP_CipherFinal_ex(context, &none, &rest) == 1)
    return plain;
  wipe(plain); // deciphered, but nothing vouches for it
  return fail(errc::invalid_input,
              "sealed data was changed, or belongs to another record than the one it was found in");
}

result<std::uint32_t> sealed_with(std::string_view sealed) {
  if (sealed.size() < head_size + tag_size || bytes(sealed)[0] != format_version)
    return fail(errc::malformed, "these bytes were not sealed by a hub of this version");
  return from_big_endian(bytes(sealed) + 1);
}

std::string key_id_text(std::uint32_t id) {
  return id_text(id);
}

} // namespace hub::storage
