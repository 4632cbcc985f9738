#pragma once

#include "http/sandbox/stand_in.hpp"
#include "http/sandbox/token_bucket.hpp"

#include <chrono>
#include <string>
#include <unordered_map>
#include <vector>

namespace hub::http::sandbox {

/// What becomes of an accepted message, to be posted to the business's webhook.
struct status_update {
  std::string message_id;
  std::string recipient;
  std::string phone_number_id;
  std::string status;        // sent, delivered, read, failed
  std::string callback_data; // biz_opaque_callback_data, empty if none was given
  std::string category;      // service or utility
  int error = 0;             // of `failed`
  std::chrono::milliseconds after{};
};

/// WhatsApp's Cloud API. What happens is in the recipient's number: one that ends in
///   0000 has not written for 24 hours: free text is refused with 131047
///   0001 neither, but WhatsApp notices late: accepted, then `failed` with 131047
///   0002 cannot be reached: refused with 131026
///   0003 cannot be reached, noticed late: accepted, then `failed` with 131026
/// Any other number has just written, unless `wrote` says when. Every template exists whose name
/// does not begin with `missing`; what a medium is is in its id, as in `file_named`.
class whatsapp : public stand_in {
public:
  [[nodiscard]] std::string operation(const call& of) const override;
  outcome handle(const call& what) override;
  [[nodiscard]] std::optional<edge::reply> answer_to(const trouble& what) const override;
  [[nodiscard]] json keeps() const override;
  void clear() override;

  /// When this person last wrote to the business.
  void wrote(const std::string& recipient, time_point at);

  /// The statuses that `handle` has caused since the last call.
  std::vector<status_update> take_statuses();

private:
  std::optional<edge::reply> refuse(const json& body, const std::string& wa_id, time_point now);
  [[nodiscard]] bool window_open(const std::string& wa_id, time_point now) const;
  void plan(const json& body, const std::string& wa_id, const delivery& of);

  token_buckets pairs_;
  token_buckets numbers_;
  std::unordered_map<std::string, time_point> last_wrote_;
  std::vector<status_update> statuses_;
  std::uint64_t made_ = 0;
};

/// The body of the webhook that reports a status, as Meta writes it: no character beyond ASCII,
/// slashes escaped.
std::string status_webhook(const status_update& update, time_point now);

} // namespace hub::http::sandbox
