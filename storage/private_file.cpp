#include "storage/private_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

namespace hub::storage {

using domain::done;
using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;

namespace {

domain::failure cannot(const std::string& what, const std::filesystem::path& file, int error) {
  const auto code = error == EACCES || error == EPERM ? errc::forbidden : errc::internal;
  return fail(code, "cannot " + what + " " + file.string() + ": " + describe_errno(error));
}

// Returns 0 or the errno that stopped it.
int write_and_sync(int descriptor, std::string_view content, const std::optional<account>& owner) {
  if (owner && ::fchown(descriptor, owner->uid, owner->gid) != 0)
    return errno;
  while (!content.empty()) {
    const auto written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno != EINTR)
      return errno;
    if (written > 0)
      content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(descriptor) == 0 ? 0 : errno;
}

} // namespace

outcome write_private_file(const std::filesystem::path& file,
                           std::string_view content,
                           existing_file policy,
                           const std::optional<account>& owner) {
  static std::atomic<unsigned> counter{0};
  const auto fresh = file.string() + "." + std::to_string(::getpid()) + "-"
                     + std::to_string(counter.fetch_add(1)) + ".tmp";
  ::unlink(fresh.c_str()); // a crash of an earlier process with our number may have left it
  // O_EXCL follows no link: the directory may belong to an account that root does not trust.
  const auto descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return cannot("write", file, errno);
  auto error = write_and_sync(descriptor, content, owner);
  ::close(descriptor);
  if (error == 0) {
    const auto placed = policy == existing_file::replace ? ::rename(fresh.c_str(), file.c_str())
                                                         : ::link(fresh.c_str(), file.c_str());
    error = placed == 0 ? 0 : errno;
  }
  if (error != 0 || policy == existing_file::keep)
    ::unlink(fresh.c_str());
  if (error == EEXIST)
    return fail(errc::conflict, file.string() + " already exists");
  if (error != 0)
    return cannot("write", file, error);
  sync_directory(file.parent_path());
  return done{};
}

outcome update_private_file(const std::filesystem::path& file,
                            std::string_view content,
                            const std::optional<account>& owner) {
  if (auto current = read_file(file); current && *current == content)
    return done{};
  return write_private_file(file, content, existing_file::replace, owner);
}

result<std::string> read_file(const std::filesystem::path& file) {
  const auto descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return fail(errc::not_found, "there is no file " + file.string());
    return cannot("read", file, errno);
  }
  std::string content;
  std::array<char, 16384> chunk{};
  ssize_t got = 0;
  int error = 0;
  while ((got = ::read(descriptor, chunk.data(), chunk.size())) != 0) {
    if (got > 0) {
      content.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      error = errno;
      break;
    }
  }
  ::close(descriptor);
  if (error != 0)
    return cannot("read", file, error);
  return content;
}

outcome make_data_directory(const std::filesystem::path& directory) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(directory, error);
  if (!error && made && ::chmod(directory.c_str(), ::geteuid() == 0 ? 0711 : 0700) != 0)
    error.assign(errno, std::generic_category());
  struct stat found {};
  constexpr mode_t for_others_to_write = S_IWGRP | S_IWOTH;
  if (!error && !made && ::stat(directory.c_str(), &found) == 0 && found.st_uid == ::geteuid()
      && (found.st_mode & for_others_to_write) != 0 && (found.st_mode & S_ISVTX) == 0
      && ::chmod(directory.c_str(), found.st_mode & 07777U & ~for_others_to_write) != 0)
    error.assign(errno, std::generic_category());
  if (!error)
    return done{};
  return fail(errc::forbidden,
              "cannot create the data directory " + directory.string() + ": " + error.message()
                + "; choose another with HUB_DATA_DIR");
}

void sync_directory(const std::filesystem::path& directory) {
  const auto* name = directory.empty() ? "." : directory.c_str();
  const auto descriptor = ::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return;
  ::fsync(descriptor);
  ::close(descriptor);
}

result<directory_lock> directory_lock::take(const std::filesystem::path& lock_file) {
  directory_lock lock;
  lock.descriptor_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock.descriptor_ < 0)
    return cannot("open the lock file", lock_file, errno);
  if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return cannot("lock", lock_file, errno);
    std::array<char, 16> holder{};
    const auto got = ::pread(lock.descriptor_, holder.data(), holder.size() - 1, 0);
    int pid = 0;
    if (got > 0)
      std::from_chars(holder.data(), holder.data() + got, pid);
    return fail(errc::conflict,
                "another hub" + (pid > 0 ? " (process " + std::to_string(pid) + ")" : std::string{})
                  + " already uses the data directory " + lock_file.parent_path().string()
                  + ": stop it, or give this one its own with HUB_DATA_DIR");
  }
  const auto me = std::to_string(::getpid()) + "\n";
  // Only a courtesy to whoever is refused; the lock holds without it.
  if (::ftruncate(lock.descriptor_, 0) == 0) [[maybe_unused]]
    auto written = ::pwrite(lock.descriptor_, me.data(), me.size(), 0);
  return lock;
}

directory_lock::directory_lock(directory_lock&& other) noexcept
  : descriptor_{std::exchange(other.descriptor_, -1)} {}

directory_lock& directory_lock::operator=(directory_lock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

directory_lock::~directory_lock() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

} // namespace hub::storage
