#pragma once

#include "http/client/engine.hpp"
#include "storage/files/file_store.hpp"

#include <memory>
#include <string>

namespace hub::http {

struct s3_account {
  std::string endpoint; // with scheme; empty: Amazon's for the region
  std::string bucket;
  client::aws_signer as;
};

/// Files in a bucket of S3, or of what speaks like it, as `s3:<bucket>/<key>` behind
/// `attachments/`; addressed by path. `engine` must outlive it.
std::unique_ptr<storage::file_store> make_s3_store(client::engine& engine, s3_account account);

} // namespace hub::http
