#include "config/development_secrets.hpp"

#include "config/values.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace hub::config {

using domain::done;
using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;

namespace {

constexpr std::array<std::string_view, 4> generated_keys{"slack.signing_secret",
                                                         "intercom.webhook_secret",
                                                         "whatsapp.webhook_secret",
                                                         "whatsapp.verify_token"};

domain::failure cannot_write(const std::filesystem::path& file, int error) {
  return fail(errc::forbidden,
              "cannot write " + file.string() + ": " + std::generic_category().message(error)
                + "; configure the webhook secrets, or choose another HUB_DATA_DIR");
}

result<std::string> random_secret() {
  std::array<unsigned char, 32> raw{};
  if (::getrandom(raw.data(), raw.size(), 0) != static_cast<ssize_t>(raw.size()))
    return fail(errc::internal, "the system has no randomness to make a secret from");
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : raw) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

outcome make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::create_directories(directory, error)) {
    // The account that runs PostgreSQL for a hub that is root has to pass through it.
    const mode_t mode = ::geteuid() == 0 ? 0711 : 0700;
    if (::chmod(directory.c_str(), mode) != 0)
      return cannot_write(directory, errno);
  }
  if (error)
    return cannot_write(directory, error.value());
  return done{};
}

// All or nothing; `conflict` when another process was first and `replace` is false.
outcome write_private(const std::filesystem::path& file, const std::string& text, bool replace) {
  const auto fresh = file.string() + "." + std::to_string(::getpid()) + ".tmp";
  ::unlink(fresh.c_str());
  const auto descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return cannot_write(file, errno);
  const auto written = ::write(descriptor, text.data(), text.size());
  int error = written == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0 ? 0 : EIO;
  ::close(descriptor);
  if (error == 0) {
    const auto placed =
      replace ? ::rename(fresh.c_str(), file.c_str()) : ::link(fresh.c_str(), file.c_str());
    error = placed == 0 ? 0 : errno;
  }
  ::unlink(fresh.c_str()); // gone already after a rename
  if (error == EEXIST)
    return fail(errc::conflict, file.string() + " appeared meanwhile");
  if (error != 0)
    return cannot_write(file, error);
  return done{};
}

result<nlohmann::json> read_secrets(const std::filesystem::path& file) {
  std::ifstream stream{file, std::ios::binary};
  if (!stream)
    return fail(errc::forbidden, "cannot read " + file.string());
  auto document = nlohmann::json::parse(stream, nullptr, false);
  if (!document.is_object()) {
    return fail(errc::malformed,
                file.string() + " is not readable JSON: repair it, or remove it for new secrets");
  }
  return document;
}

// Adds what is missing; true when anything was.
result<bool> complete(nlohmann::json& secrets) {
  bool changed = false;
  for (const auto key : generated_keys) {
    const std::string name{key};
    if (secrets.contains(name) && secrets[name].is_string()
        && !secrets[name].get_ref<const std::string&>().empty())
      continue;
    auto made = random_secret();
    if (!made)
      return made.why();
    secrets[name] = *made;
    changed = true;
  }
  return changed;
}

result<nlohmann::json> secrets_in(const std::filesystem::path& file) {
  std::error_code ignored;
  const bool existed = std::filesystem::exists(file, ignored);
  auto secrets =
    existed ? read_secrets(file) : result<nlohmann::json>{nlohmann::json(nlohmann::json::object())};
  if (!secrets)
    return secrets;
  const auto changed = complete(*secrets);
  if (!changed)
    return changed.why();
  if (!*changed)
    return secrets;
  const auto written = write_private(file, secrets->dump(2) + "\n", existed);
  if (written)
    return secrets;
  // Two processes start for the first time: the loser takes the winner's.
  if (written.why().code == errc::conflict)
    return read_secrets(file);
  return written.why();
}

} // namespace

outcome ensure_development_secrets(configuration& in) {
  try {
    std::vector<effective_setting*> missing;
    for (auto& line : in.effective) {
      if (line.shown.empty()
          && std::ranges::find(generated_keys, line.of->key) != generated_keys.end())
        missing.push_back(&line);
    }
    if (missing.empty())
      return done{};
    if (auto made = make_directory(in.values.data_dir); !made)
      return made;
    auto secrets = secrets_in(in.values.data_dir / "secrets.json");
    if (!secrets)
      return secrets.why();
    for (auto* line : missing) {
      const value secret{secrets->at(std::string{line->of->key}).get<std::string>()};
      line->of->store(in.values, secret);
      line->shown = show_value(*line->of, secret);
      line->source = "generated";
    }
    return done{};
  } catch (const std::exception& error) {
    return fail(errc::internal,
                std::string{"the development secrets cannot be made: "} + error.what());
  }
}

} // namespace hub::config
