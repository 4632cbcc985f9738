#include "http/server/auth/password_hasher.hpp"

#include "http/server/auth/tokens.hpp"

#include <argon2.h>
#include <openssl/rand.h>

#include <array>
#include <exception>
#include <stdexcept>
#include <utility>

namespace hub::http {

namespace {

constexpr std::size_t salt_size = 16;
constexpr std::size_t hash_size = 32;

} // namespace

domain::result<std::string> password_hasher::hash_now(const std::string& secret, hash_cost cost) {
  std::array<unsigned char, salt_size> salt{};
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1)
    return domain::fail(domain::errc::internal, "the system gives no randomness");
  std::string encoded(
    argon2_encodedlen(cost.passes, cost.kibibytes, 1, salt_size, hash_size, Argon2_id), '\0');
  const int status = argon2id_hash_encoded(cost.passes,
                                           cost.kibibytes,
                                           1,
                                           secret.data(),
                                           secret.size(),
                                           salt.data(),
                                           salt.size(),
                                           hash_size,
                                           encoded.data(),
                                           encoded.size());
  if (status != ARGON2_OK)
    return domain::fail(domain::errc::internal, argon2_error_message(status));
  encoded.resize(encoded.find('\0'));
  return encoded;
}

password_hasher::password_hasher(int threads, std::size_t queue_limit, hash_cost cost)
  : cost_{cost}, queue_limit_{queue_limit} {
  auto made = hash_now(random_token(), cost);
  if (!made)
    throw std::runtime_error{made.why().message};
  nobody_ = *std::move(made);
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this] { run(); });
}

password_hasher::~password_hasher() {
  stop();
}

void password_hasher::hash(std::string secret,
                           const std::function<void(domain::result<std::string>)>& done) {
  post({[this, secret = std::move(secret), done] { done(hash_now(secret, cost_)); },
        [done](const domain::failure& why) { done(why); }});
}

void password_hasher::verify(std::string secret,
                             std::string hash,
                             const std::function<void(domain::result<bool>)>& done) {
  const bool nobody = hash.empty();
  post({[secret = std::move(secret), hash = nobody ? nobody_ : std::move(hash), nobody, done] {
          const bool same =
            argon2id_verify(hash.c_str(), secret.data(), secret.size()) == ARGON2_OK;
          done(same && !nobody);
        },
        [done](const domain::failure& why) { done(why); }});
}

void password_hasher::stop() {
  std::deque<task> undone;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    undone.swap(queue_);
  }
  wake_.notify_all();
  for (const auto& work : undone)
    work.refuse(domain::fail(domain::errc::unavailable, "the hub is stopping"));
  for (auto& thread : threads_)
    if (thread.joinable())
      thread.join();
}

void password_hasher::post(task work) {
  {
    const std::lock_guard lock{mutex_};
    if (!stopping_ && queue_.size() < queue_limit_) {
      queue_.push_back(std::move(work));
      wake_.notify_one();
      return;
    }
  }
  work.refuse(domain::fail(domain::errc::rate_limited,
                           "too many sign-ins are being checked; try again in a moment"));
}

void password_hasher::run() {
  while (true) {
    task work;
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty())
        return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      work.run();
    } catch (const std::exception&) { // whoever waited is answered by what the task has let go of
    }
  }
}

} // namespace hub::http
