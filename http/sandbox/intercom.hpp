#pragma once

#include "http/sandbox/stand_in.hpp"

#include <deque>
#include <map>
#include <string>

namespace hub::http::sandbox {

/// Intercom's REST API. Every conversation exists, as customers begin them where the sandbox cannot
/// see, unless its id begins with `missing`; so does every admin with a numeric id.
class intercom : public stand_in {
public:
  [[nodiscard]] std::string operation(const call& of) const override;
  outcome handle(const call& what) override;
  [[nodiscard]] std::optional<edge::reply> answer_to(const trouble& what) const override;
  [[nodiscard]] json keeps() const override;
  void clear() override;

private:
  struct conversation {
    std::int64_t created_at = 0;
    std::int64_t updated_at = 0;
    std::deque<json> parts;
  };

  outcome work(const call& what);
  outcome reply_to(const std::string& id, const call& what);
  outcome show(const std::string& id, const call& what) const;
  [[nodiscard]] std::string next_id();
  void count(edge::reply& answer) const;

  std::map<std::string, conversation> conversations_;
  std::deque<std::string> order_; // of conversations, the oldest first
  std::int64_t window_ = 0;       // of ten seconds
  int used_ = 0;                  // calls in this window
  std::uint64_t made_ = 0;        // ids
};

} // namespace hub::http::sandbox
