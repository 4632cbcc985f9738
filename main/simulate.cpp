#include "main/commands.hpp"
#include "main/http_call.hpp"
#include "main/sample_traffic.hpp"

#include <chrono>
#include <iostream>
#include <map>
#include <random>
#include <thread>

namespace hub::app {

exit_code simulate(const config::configuration& settings, const simulate_options& options) {
  using clock = std::chrono::steady_clock;
  const auto& values = settings.values;
  const auto seed = options.seed != 0 ? options.seed : std::random_device{}();
  const auto url = options.url.empty() ? local_url(settings) : options.url;
  sample_maker maker{{.slack_signing = values.slack.signing_secret,
                      .intercom = values.intercom.webhook_secret,
                      .whatsapp = values.whatsapp.webhook_secret,
                      .whatsapp_verify_token = values.whatsapp.verify_token},
                     seed,
                     options.personal_data};
  http_caller caller{url};
  std::cout << "Sending " << options.count << " deliveries to " << url << " (seed " << seed
            << ")\n";
  std::map<int, int> statuses;
  const auto start = clock::now();
  for (int i = 0; i < options.count; ++i) {
    if (options.per_second > 0)
      std::this_thread::sleep_until(start
                                    + std::chrono::duration_cast<clock::duration>(
                                      std::chrono::duration<double>(i / options.per_second)));
    const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto channel = domain::parse_channel(options.channel);
    const auto delivery = channel ? maker.next(*channel, now) : maker.next(now);
    const auto answer = caller.post(delivery.path, delivery.body, delivery.headers);
    if (!answer) {
      std::cerr << "feedback-hub: " << answer.why().message << '\n';
      return exit_code::failed;
    }
    ++statuses[answer->status];
    if ((i + 1) % 100 == 0)
      std::cout << "  " << i + 1 << " sent\n";
  }
  bool all_taken = true;
  for (const auto& [status, count] : statuses) {
    std::cout << "  " << count << " answered " << status << '\n';
    all_taken = all_taken && status == 200;
  }
  return all_taken ? exit_code::ok : exit_code::failed;
}

} // namespace hub::app
