#include "config/log.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <string>

namespace hub::config {

namespace {

constexpr std::size_t queued_lines = 8192;

std::atomic<log_format> chosen_format{log_format::text};

spdlog::level::level_enum to_spdlog(log_level level) {
  switch (level) {
  case log_level::trace:
    return spdlog::level::trace;
  case log_level::debug:
    return spdlog::level::debug;
  case log_level::info:
    return spdlog::level::info;
  case log_level::warn:
    return spdlog::level::warn;
  case log_level::error:
    return spdlog::level::err;
  }
  return spdlog::level::info;
}

nlohmann::json to_json(const log_field& field) {
  return std::visit([](const auto& value) { return nlohmann::json(value); }, field.value);
}

std::string dumped(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The members of the line's object behind time and level: `"event":"…","name":value…`.
std::string json_line(std::string_view event, std::initializer_list<log_field> fields) {
  auto line = "\"event\":" + dumped(event);
  for (const auto& field : fields)
    line += "," + dumped(field.name) + ":" + dumped(to_json(field));
  return line;
}

std::string text_line(std::string_view event, std::initializer_list<log_field> fields) {
  std::string line{event};
  for (const auto& field : fields) {
    const auto* text = std::get_if<std::string_view>(&field.value);
    const bool plain = text != nullptr && !text->empty()
                       && text->find_first_of(" \"=\n\r\t\x1b") == std::string_view::npos;
    line += ' ';
    line += field.name;
    line += '=';
    line += plain ? std::string{*text} : dumped(to_json(field));
  }
  return line;
}

} // namespace

void start_logging(log_format format, log_level level) {
  spdlog::init_thread_pool(queued_lines, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto logger = std::make_shared<spdlog::async_logger>(
    "hub", std::move(sink), spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
  chosen_format = format;
  if (format == log_format::json)
    logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                        spdlog::pattern_time_type::utc);
  else
    logger->set_pattern("%H:%M:%S.%e %^%-5l%$ %v");
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  spdlog::flush_every(std::chrono::seconds{1});
}

void stop_logging() {
  spdlog::shutdown();
}

bool logs(log_level level) {
  const auto* logger = spdlog::default_logger_raw();
  return logger != nullptr && logger->should_log(to_spdlog(level));
}

void log(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  if (!logs(level))
    return;
  spdlog::default_logger_raw()->log(to_spdlog(level),
                                    chosen_format == log_format::json ? json_line(event, fields)
                                                                      : text_line(event, fields));
}

} // namespace hub::config
