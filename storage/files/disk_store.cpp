#include "storage/files/disk_store.hpp"

#include "storage/private_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace hub::storage {

namespace {

using domain::errc;
using domain::fail;
namespace fs = std::filesystem;

constexpr std::string_view scheme = "disk:";
constexpr std::size_t most_waiting = 1000;
constexpr int threads = 2; // so that a slow write holds up no reader

domain::failure trouble(const char* what, int error) {
  return fail(errc::unavailable, std::string{what} + ": " + std::system_category().message(error));
}

class descriptor {
public:
  descriptor(const fs::path& file, int flags, mode_t mode = 0)
    : number_{::open(file.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode)} {}
  ~descriptor() { close(); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  [[nodiscard]] bool open() const { return number_ >= 0; }
  [[nodiscard]] int get() const { return number_; }
  /// False when what was written may not be there.
  bool close() { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

private:
  int number_;
};

bool write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(to, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class disk_store final : public file_store {
public:
  explicit disk_store(const fs::path& directory) : directory_{fs::absolute(directory)} {
    std::error_code ignored; // what is left takes room and nothing else
    fs::remove_all(incoming(), ignored);
    for (int i = 0; i < threads; ++i)
      workers_.emplace_back([this] { work(); });
  }
  ~disk_store() override {
    std::deque<task> late;
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
      late.swap(waiting_);
    }
    wake_.notify_all();
    for (auto& worker : workers_)
      worker.join();
    for (const auto& each : late)
      each(false);
  }
  disk_store(const disk_store&) = delete;
  disk_store& operator=(const disk_store&) = delete;

  void put(domain::uuid workspace,
           domain::uuid id,
           std::shared_ptr<const std::string> bytes,
           std::function<void(domain::result<kept_file>)> done) override {
    run<kept_file>(std::move(done),
                   [this, key = key_of_file(workspace, id), bytes] { return write(key, *bytes); });
  }

  void read(std::string place,
            std::int64_t from,
            std::size_t most,
            std::function<void(domain::result<std::string>)> done) override {
    run<std::string>(std::move(done), [this, place = std::move(place), from, most] {
      return read_part(place, from, most);
    });
  }

private:
  using task = std::function<void(bool go)>;

  template <class T, class Work>
  void run(std::function<void(domain::result<T>)> done, Work work) {
    task doing = [done = std::move(done), work = std::move(work)](bool go) {
      done(go ? guarded<T>(work)
              : domain::result<T>{fail(errc::unavailable, "the file store is busy or stopping")});
    };
    {
      const std::lock_guard lock{mutex_};
      if (!stopping_ && waiting_.size() < most_waiting) {
        waiting_.push_back(std::move(doing));
        wake_.notify_one();
        return;
      }
    }
    doing(false);
  }

  template <class T, class Work>
  static domain::result<T> guarded(const Work& work) {
    try {
      return work();
    } catch (const std::exception& thrown) {
      return fail(errc::unavailable, std::string{"the file store failed: "} + thrown.what());
    }
  }

  void work() {
    std::unique_lock lock{mutex_};
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty())
        return;
      const auto next = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      next(true);
      lock.lock();
    }
  }

  [[nodiscard]] fs::path incoming() const { return directory_ / "incoming"; }

  /// Directories that this makes survive a power failure, as their files must.
  void make_directories(const fs::path& inner) const {
    std::vector<fs::path> missing;
    for (auto at = inner; !fs::exists(at); at = at.parent_path())
      missing.push_back(at);
    for (auto each = missing.rbegin(); each != missing.rend(); ++each) {
      if (fs::create_directory(*each))
        fs::permissions(*each, fs::perms::owner_all);
      sync_directory(each->parent_path());
    }
  }

  domain::result<kept_file> write(const std::string& key, std::string_view bytes) {
    const auto file = directory_ / key;
    make_directories(file.parent_path());
    make_directories(incoming());
    // A name of its own: an attempt that has lost its job may still be writing.
    const auto part = incoming() / (file.filename().string() + '.' + std::to_string(++parts_));
    descriptor out{part, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR};
    if (!out.open())
      return trouble("the file cannot be written", errno);
    if (!write_all(out.get(), bytes) || ::fsync(out.get()) != 0 || !out.close()
        || ::rename(part.c_str(), file.c_str()) != 0) {
      auto why = trouble("the file cannot be written", errno);
      ::unlink(part.c_str());
      return why;
    }
    sync_directory(file.parent_path());
    return kept_file{.place = std::string{scheme} + key,
                     .size = static_cast<std::int64_t>(bytes.size()),
                     .sha256 = digest_of(bytes)};
  }

  domain::result<std::string>
  read_part(std::string_view place, std::int64_t from, std::size_t most) const {
    if (!place.starts_with(scheme) || !is_file_key(place.substr(scheme.size())))
      return fail(errc::internal, "the place of a file is not one of this store's");
    const auto file = directory_ / place.substr(scheme.size());
    const descriptor in{file, O_RDONLY};
    if (!in.open())
      return errno == ENOENT ? fail(errc::not_found, "the file is not on this machine's disk")
                             : trouble("the file cannot be read", errno);
    std::string bytes(most, '\0');
    std::size_t got = 0;
    while (got < most) {
      const auto read =
        ::pread(in.get(), bytes.data() + got, most - got, from + static_cast<off_t>(got));
      if (read < 0 && errno == EINTR)
        continue;
      if (read < 0)
        return trouble("the file cannot be read", errno);
      if (read == 0)
        break;
      got += static_cast<std::size_t>(read);
    }
    bytes.resize(got);
    return bytes;
  }

  const fs::path directory_;
  std::atomic<std::uint64_t> parts_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<task> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

} // namespace

std::unique_ptr<file_store> make_disk_store(const std::filesystem::path& directory) {
  return std::make_unique<disk_store>(directory);
}

} // namespace hub::storage
