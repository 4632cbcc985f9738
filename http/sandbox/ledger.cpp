#include "http/sandbox/ledger.hpp"

#include "http/sandbox/reading.hpp"

#include <utility>

namespace hub::http::sandbox {

std::uint64_t
ledger::add(std::deque<record>& to, std::size_t& bytes, provider of, time_point at, json shown) {
  shown["number"] = ++last_;
  shown["at"] = domain::to_rfc3339(at);
  shown["provider"] = to_string(of);
  const auto size = domain::write_json(shown).size();
  to.push_back({last_, at, of, std::move(shown), size});
  bytes += size;
  while (to.size() > most_records || bytes > most_bytes) {
    bytes -= to.front().bytes;
    to.pop_front();
  }
  return last_;
}

std::uint64_t ledger::add_call(provider of, time_point at, json shown) {
  return add(calls_, call_bytes_, of, at, std::move(shown));
}

std::uint64_t
ledger::add_message(provider of, time_point at, const delivery& what, std::uint64_t call) {
  return add(messages_,
             message_bytes_,
             of,
             at,
             {{"id", what.id},
              {"recipient", what.recipient},
              {"text", what.text},
              {"details", what.details},
              {"call", call}});
}

void ledger::count(provider of, const std::string& operation, const std::string& what) {
  ++counters_[std::string{to_string(of)}][operation.empty() ? "unknown" : operation][what];
}

json ledger::counters() const {
  json all = json::object();
  for (const auto& [of, operations] : counters_)
    for (const auto& [operation, counts] : operations)
      all[of][operation] = counts;
  return all;
}

json ledger::select(const std::deque<record>& from, const record_filter& wanted) {
  json chosen = json::array();
  for (const auto& each : from)
    if ((!wanted.of || each.of == *wanted.of) && each.number > wanted.after_number
        && each.at >= wanted.from)
      chosen.push_back(each.shown);
  return chosen;
}

void ledger::clear() {
  calls_.clear();
  messages_.clear();
  counters_.clear();
  call_bytes_ = message_bytes_ = 0;
}

json body_to_keep(const std::string& body) {
  constexpr std::size_t longest = 16UL * 1024;
  if (body.empty())
    return nullptr;
  if (body.size() <= longest)
    if (auto read = domain::read_json(body))
      return *std::move(read);
  return first_characters(body, longest);
}

} // namespace hub::http::sandbox
