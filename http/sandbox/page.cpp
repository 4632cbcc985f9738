#include "http/sandbox/page.hpp"

#include "http/sandbox/reading.hpp"

#include <array>
#include <utility>

namespace hub::http::sandbox {
namespace {

constexpr std::size_t shown_messages = 100;
constexpr std::size_t shown_calls = 60;
constexpr std::size_t longest_text = 4'000;

struct fault_button {
  std::string_view label;
  std::string_view fault; // JSON
};

constexpr std::array buttons{
  fault_button{"Slack: work, then no answer, once",
               R"({"provider":"slack","kind":"drop_after_work","times":1})"},
  fault_button{"Slack: over the limit for 5 s, 3 times",
               R"({"provider":"slack","kind":"rate_limit","retry_after":5,"times":3})"},
  fault_button{"Intercom: 500, 3 times",
               R"({"provider":"intercom","kind":"status_500","times":3})"},
  fault_button{
    "WhatsApp: outside the 24 hours, once",
    R"({"provider":"whatsapp","operation":"messages","kind":"error","code":131047,"times":1})"},
  fault_button{"WhatsApp: statuses twice", R"({"provider":"whatsapp","kind":"duplicate"})"},
  fault_button{"Notion: conflict, once",
               R"({"provider":"notion","kind":"error","code":"conflict_error","times":1})"},
  fault_button{"OpenAI: out of quota",
               R"({"provider":"openai","kind":"error","code":"insufficient_quota"})"},
  fault_button{"Mail: outage", R"({"provider":"smtp","kind":"outage"})"},
  fault_button{"All: slow by 3 s", R"({"provider":"all","kind":"delay","ms":3000})"},
  fault_button{"All: outage", R"({"provider":"all","kind":"outage"})"},
};

/// "09:05:07" of a moment.
std::string time_of(time_point at) {
  return domain::to_rfc3339(at).substr(11, 8);
}

std::string cell(std::string_view text) {
  return "<td>" + escape_html(text) + "</td>";
}

std::string text_at(const json& from, const char* name) {
  const auto& value = domain::member(from, name);
  return value.is_null()     ? ""
         : value.is_string() ? value.get<std::string>()
                             : domain::write_json(value);
}

std::string fault_rows(const fault_book& faults) {
  if (faults.all().empty())
    return "<p>No faults: every provider behaves.</p>\n";
  std::string html =
    "<table><tr><th>provider</th><th>what</th><th>left</th><th>struck</th><th></th></tr>\n";
  for (const auto& each : faults.all()) {
    const auto shown = to_json(each);
    html += "<tr>" + cell(text_at(shown, "provider") + " " + text_at(shown, "operation"))
            + cell(text_at(shown, "kind") + " " + text_at(shown, "code") + text_at(shown, "ms"))
            + cell(each.times ? std::to_string(*each.times) : "until cleared")
            + cell(std::to_string(each.hits)) + "<td><button data-clear=\""
            + std::to_string(each.number) + "\">clear</button></td></tr>\n";
  }
  return html + "</table>\n";
}

std::string message_rows(const ledger& remembered) {
  const auto& all = remembered.all_messages();
  if (all.empty())
    return "<p>Nothing yet.</p>\n";
  std::string html;
  std::size_t shown = 0;
  for (auto each = all.rbegin(); each != all.rend() && shown < shown_messages; ++each, ++shown) {
    const auto& message = each->shown;
    const auto subject = domain::text_at(message, "details", "subject");
    html += "<article class=\"" + std::string{to_string(each->of)} + "\"><header><b>"
            + std::string{to_string(each->of)} + "</b> to <b>"
            + escape_html(domain::text_at(message, "recipient")) + "</b> <time>" + time_of(each->at)
            + "</time> <code>" + escape_html(domain::text_at(message, "id")) + "</code></header>\n";
    if (!subject.empty())
      html += "<h3>" + escape_html(subject) + "</h3>\n";
    html += "<p class=\"text\">"
            + escape_html(first_characters(domain::text_at(message, "text"), longest_text))
            + "</p></article>\n";
  }
  return html;
}

std::string call_rows(const ledger& remembered) {
  std::string html =
    "<table><tr><th>at</th><th>provider</th><th>operation</th><th>status</th><th>fault</th></tr>\n";
  const auto& all = remembered.all_calls();
  std::size_t shown = 0;
  for (auto each = all.rbegin(); each != all.rend() && shown < shown_calls; ++each, ++shown) {
    const auto status = text_at(each->shown, "status");
    html += "<tr>" + cell(time_of(each->at)) + cell(to_string(each->of))
            + cell(domain::text_at(each->shown, "operation"))
            + cell(status.empty() ? "no answer" : status) + cell(text_at(each->shown, "fault"))
            + "</tr>\n";
  }
  return html + "</table>\n";
}

} // namespace

std::string escape_html(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
    case '<':
      safe += "&lt;";
      break;
    case '>':
      safe += "&gt;";
      break;
    case '&':
      safe += "&amp;";
      break;
    case '"':
      safe += "&quot;";
      break;
    case '\'':
      safe += "&#39;";
      break;
    default:
      safe += c;
    }
  }
  return safe;
}

std::string render_page(const ledger& remembered, const fault_book& faults, time_point now) {
  std::string html =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<title>Feedback Hub sandbox</title>"
    "<link rel=\"stylesheet\" href=\"/sandbox/page.css\">"
    "<script src=\"/sandbox/page.js\" defer></script></head><body>\n"
    "<h1>Feedback Hub sandbox</h1>\n"
    "<p>Plays Slack, Intercom, WhatsApp, Notion, OpenAI and a mail server. Nothing "
    "leaves this machine. <a href=\"/sandbox/state\">State as JSON</a></p>\n<main>\n";
  html += "<p><time>" + time_of(now) + " UTC</time></p>\n<h2>Faults</h2>\n" + fault_rows(faults)
          + "<p class=\"buttons\">";
  for (const auto& each : buttons)
    html += "<button data-fault=\"" + escape_html(each.fault) + "\">" + escape_html(each.label)
            + "</button> ";
  html += "<button data-clear=\"\">clear all</button></p>\n<h2>Sent, the newest first</h2>\n"
          + message_rows(remembered) + "<h2>Calls</h2>\n" + call_rows(remembered)
          + "</main>\n</body></html>\n";
  return html;
}

edge::reply page_reply(std::string html) {
  edge::reply answer;
  answer.content_type = "text/html; charset=utf-8";
  answer.body = std::move(html);
  answer.headers = {{"Content-Security-Policy",
                     "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
                     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
                    {"X-Content-Type-Options", "nosniff"},
                    {"Referrer-Policy", "no-referrer"},
                    {"Cache-Control", "no-store"}};
  return answer;
}

} // namespace hub::http::sandbox
