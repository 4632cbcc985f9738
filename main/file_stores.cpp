#include "main/file_stores.hpp"

#include "http/outward/s3_store.hpp"
#include "storage/files/disk_store.hpp"

#include <utility>

namespace hub::app {

namespace {

class file_stores final : public storage::file_store {
public:
  file_stores(std::unique_ptr<file_store> disk, std::unique_ptr<file_store> bucket)
    : disk_{std::move(disk)}, bucket_{std::move(bucket)} {}

  void put(domain::uuid workspace,
           domain::uuid id,
           std::shared_ptr<const std::string> bytes,
           std::function<void(domain::result<storage::kept_file>)> done) override {
    (bucket_ ? *bucket_ : *disk_).put(workspace, id, std::move(bytes), std::move(done));
  }

  void read(std::string place,
            std::int64_t from,
            std::size_t most,
            std::function<void(domain::result<std::string>)> done) override {
    if (!place.starts_with("s3:"))
      return disk_->read(std::move(place), from, most, std::move(done));
    if (!bucket_)
      return done(domain::fail(domain::errc::unavailable,
                               "the file is in S3, which this hub is not set up to read"));
    bucket_->read(std::move(place), from, most, std::move(done));
  }

private:
  std::unique_ptr<file_store> disk_;
  std::unique_ptr<file_store> bucket_; // null where none is set
};

} // namespace

std::unique_ptr<storage::file_store> make_file_stores(const config::settings& settings,
                                                      http::client::engine& engine) {
  const auto& s3 = settings.s3;
  return std::make_unique<file_stores>(
    storage::make_disk_store(settings.data_dir / "attachments"),
    s3.bucket.empty() ? nullptr
                      : http::make_s3_store(engine,
                                            {.endpoint = s3.endpoint,
                                             .bucket = s3.bucket,
                                             .as = {.access_key_id = s3.access_key_id,
                                                    .secret_access_key = s3.secret_access_key,
                                                    .region = s3.region}}));
}

} // namespace hub::app
