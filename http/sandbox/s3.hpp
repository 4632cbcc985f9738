#pragma once

#include "http/sandbox/stand_in.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace hub::http::sandbox {

/// Amazon's S3, addressed by path, as far as storing an object and reading it goes. Every bucket
/// exists whose name does not begin with `missing`. The one account is `sandbox` with the secret
/// `sandbox-secret`; signatures (Version 4) are checked to the letter, in any region.
class s3 : public stand_in {
public:
  static constexpr auto access_key_id = "sandbox";
  static constexpr auto secret_access_key = "sandbox-secret";

  [[nodiscard]] std::string operation(const call& of) const override;
  outcome handle(const call& what) override;
  [[nodiscard]] std::optional<edge::reply> answer_to(const trouble& what) const override;
  [[nodiscard]] json keeps() const override;
  void clear() override;

private:
  struct object {
    std::string bytes;
    std::uint64_t puts = 0;
  };

  outcome put(const call& what, const std::string& name);
  outcome get(const call& what, const std::string& name) const;

  std::map<std::string, object> objects_; // by bucket and key
  std::size_t bytes_ = 0;
};

} // namespace hub::http::sandbox
