#include "tests/support/release_driver.hpp"

#include "tests/support/process.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

namespace hub::testing {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

void require(bool met, const std::string& else_says) {
  if (!met)
    throw std::runtime_error{else_says};
}

} // namespace

release_driver::release_driver(std::uint16_t port, std::string reporter)
  : port_{port}, reporter_{std::move(reporter)} {}

answer release_driver::persist(const std::string& method,
                               const std::string& path,
                               const json& body,
                               const headers& more) const {
  auto with = more;
  with.emplace_back("Content-Type", "application/json");
  const auto text = method == "GET" ? std::string{} : body.dump();
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < end) {
    hub_client to{port_};
    const auto got = to.try_call(method, path, text, with);
    if (got && got->status != 503 && got->status != 429)
      return *got;
    std::this_thread::sleep_for(30ms);
  }
  throw std::runtime_error{"the hub did not answer " + method + ' ' + path};
}

std::string release_driver::path(const std::string& rest) const {
  return "/api/tickets/" + ticket_ + rest;
}

answer release_driver::step(const std::string& method,
                            const std::string& path,
                            const json& body,
                            int expected,
                            const headers& more) const {
  auto with = more;
  with.emplace_back("Idempotency-Key", "release-" + reporter_ + path.substr(path.rfind('/')));
  auto got = persist(method, path, body, with);
  require(got.status == expected || (expected == 201 && got.status == 200), // it was there
          method + ' ' + path + ": " + std::to_string(got.status) + ' ' + got.text);
  return got;
}

void release_driver::report() {
  const auto got = hub_client{port_}.send_until_taken(
    whatsapp({{.id = "wamid.report-" + reporter_,
               .from = reporter_,
               .text = "The export crashes and loses rows, it is urgent."}}));
  ticket_ = got.at("ticket_id");
  require(!ticket_.empty(), "no ticket: " + got.text);
}

void release_driver::await_triage() {
  require(tests::eventually(
            [&] { return persist("GET", path()).at("enrichment_status") == "completed"; }, 60s),
          "no suggestion came: " + persist("GET", path()).text);
}

void release_driver::accept() {
  step("POST", path("/triage/accept"), json::object(), 200);
}

void release_driver::resolve() {
  step("PATCH", path(), {{"status", "resolved"}}, 200);
}

void release_driver::draft() {
  step("POST", path("/generate_changelog"), {{"resolution_notes", "We fixed the export."}}, 201);
}

void release_driver::edit() {
  step("PATCH",
       path("/update_changelog_draft"),
       {{"content",
         "**What happened:**\nThe export crashed.\n\n**How we fixed it:**\nIt " + words()
           + ".\n\n**Going forward:**\nWe watch it."}},
       200,
       // Done before, its answer is kept under the key, whatever the version is now.
       {{"If-Match", "\"1\""}});
}

void release_driver::approve() {
  step("PATCH", path("/approve_changelog"), json::object(), 200, {{"If-Match", "\"2\""}});
}

json release_driver::notification() const {
  const auto all = persist("GET", "/api/notifications?ticket_id=" + ticket_);
  return all.body.is_array() && !all.body.empty() ? all.body.front() : json(nullptr);
}

} // namespace hub::testing
