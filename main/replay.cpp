#include "main/commands.hpp"
#include "main/http_call.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

namespace hub::app {

namespace {

using nlohmann::json;

constexpr int page_size = 100;

/// Every delivery in quarantine, read page by page; the oldest first, because an answer makes sense
/// only after its question.
domain::result<std::vector<std::string>> quarantined(http_caller& caller) {
  std::vector<std::string> ids;
  for (;;) {
    auto path = "/api/webhook_deliveries?status=quarantined&per_page=" + std::to_string(page_size);
    if (!ids.empty())
      path.append("&cursor=").append(ids.back());
    const auto answer = caller.get(path);
    if (!answer)
      return answer.why();
    const auto page = json::parse(answer->body, nullptr, false);
    if (answer->status != 200 || !page.is_array())
      return domain::fail(domain::errc::unavailable,
                          "the hub answered " + std::to_string(answer->status) + ": "
                            + answer->body);
    for (const auto& row : page)
      ids.push_back(row.value("id", ""));
    if (page.size() < page_size) { // the list is newest first
      std::ranges::reverse(ids);
      return ids;
    }
  }
}

} // namespace

exit_code replay(const config::configuration& settings, const replay_options& options) {
  if (options.all == !options.ids.empty()) {
    std::cerr << "feedback-hub: name the deliveries to replay, or --all\n";
    return exit_code::usage;
  }
  const auto& key = options.key.empty() ? settings.values.admin_token : options.key;
  if (key.empty()) {
    std::cerr << "feedback-hub: give a key with --key, HUB_API_KEY or HUB_ADMIN_TOKEN; "
                 "`feedback-hub keys create --name replay --scope deliveries:read --scope "
                 "deliveries:write` makes one\n";
    return exit_code::usage;
  }
  http_caller caller{options.url.empty() ? local_url(settings) : options.url, key};
  auto ids = options.ids;
  if (options.all) {
    auto found = quarantined(caller);
    if (!found) {
      std::cerr << "feedback-hub: " << found.why().message << '\n';
      return exit_code::failed;
    }
    ids = *std::move(found);
  }
  std::size_t settled = 0;
  for (const auto& id : ids) {
    const auto answer = caller.post("/api/webhook_deliveries/" + id + "/replay", "", {});
    if (!answer) {
      std::cerr << "feedback-hub: " << answer.why().message << '\n';
      return exit_code::failed;
    }
    const auto body = json::parse(answer->body, nullptr, false);
    const bool ok = answer->status == 200 && body.is_object();
    settled += ok ? 1 : 0;
    std::cout << id << "  "
              << (ok ? body.value("outcome", "settled")
                     : (body.is_object() ? body.value("error", "") : answer->body))
              << '\n';
  }
  std::cout << settled << " of " << ids.size() << " replayed\n";
  return settled == ids.size() ? exit_code::ok : exit_code::failed;
}

} // namespace hub::app
