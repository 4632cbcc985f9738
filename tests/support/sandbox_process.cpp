#include "tests/support/sandbox_process.hpp"

#include "tests/support/hub_process.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace hub::testing {

using nlohmann::json;

sandbox_process::sandbox_process()
  : pipe_{::popen((hub_binary() + " sandbox --bind 127.0.0.1:0 --smtp 127.0.0.1:0 --follow "
                   + std::to_string(::getpid()))
                    .c_str(),
                  "re")} {
  std::array<char, 4096> line{};
  if (pipe_ == nullptr || std::fgets(line.data(), line.size(), pipe_) == nullptr)
    throw std::runtime_error("the sandbox did not start");
  const auto where = json::parse(line.data());
  http_ = where["http"];
  smtp_ = where["smtp"];
  pid_ = where["pid"];
  port_ = static_cast<std::uint16_t>(std::stoi(http_.substr(http_.rfind(':') + 1)));
}

sandbox_process::~sandbox_process() {
  ::kill(pid_, SIGTERM);
  ::pclose(pipe_);
}

std::map<std::string, std::string> sandbox_process::hub_environment() const {
  return {{"HUB_SIMULATION", "on"},
          {"HUB_SANDBOX_URL", http_},
          {"SLACK_API_URL", http_ + "/slack/api"},
          {"SLACK_BOT_TOKEN", "sandbox"},
          {"HUB_SLACK_EVERY", "0s"},
          {"INTERCOM_API_URL", http_ + "/intercom"},
          {"INTERCOM_API_TOKEN", "sandbox"},
          {"INTERCOM_ADMIN_ID", "1"},
          {"HUB_INTERCOM_EVERY", "0s"},
          {"WHATSAPP_API_URL", http_ + "/whatsapp/v23.0"},
          {"WHATSAPP_API_TOKEN", "sandbox"},
          {"WHATSAPP_PHONE_NUMBER_ID", "106540352242922"},
          {"OPENAI_BASE_URL", http_ + "/openai/v1"},
          {"OPENAI_API_KEY", "sandbox"},
          {"SMTP_URL", smtp_},
          {"SMTP_FROM", "hub@example.org"}};
}

json sandbox_process::call(const std::string& method, const std::string& path, const json& body) {
  // Unwatched: it is not the hub that answers.
  const auto got = hub_client{port_}.try_call(
    method,
    path,
    body.is_null() ? std::string{} : body.dump(),
    {{"Content-Type", "application/json"}, {"Authorization", "Bearer sandbox"}});
  if (!got || got->status >= 300)
    throw std::runtime_error("the sandbox refused " + method + ' ' + path + ": "
                             + (got ? got->text : "no answer"));
  return got->body;
}

json sandbox_process::messages() {
  return call("GET", "/sandbox/state").at("messages");
}

json sandbox_process::calls() {
  return call("GET", "/sandbox/state").at("calls");
}

json sandbox_process::objects() {
  const auto state = call("GET", "/sandbox/state?provider=s3");
  const auto& all = state.at("providers");
  return all.contains("s3") ? all.at("s3").at("objects") : json::object();
}

int sandbox_process::times_sent(const std::string& job) {
  int times = 0;
  for (const auto& message : messages())
    times += message.dump().find(job) != std::string::npos ? 1 : 0;
  return times;
}

void sandbox_process::misbehave(const json& fault) {
  call("POST", "/sandbox/faults", fault);
}

void sandbox_process::behave() {
  call("DELETE", "/sandbox/faults");
}

std::string sandbox_process::open_thread(const std::string& channel) {
  return call("POST", "/slack/api/chat.postMessage", {{"channel", channel}, {"text", "It crashes"}})
    .at("ts");
}

} // namespace hub::testing
