#include "http/sandbox/faults.hpp"

#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hub::http::sandbox {
namespace {

constexpr std::array kinds{fault_kind::delay,
                           fault_kind::drop_after_work,
                           fault_kind::status_500,
                           fault_kind::reset,
                           fault_kind::duplicate,
                           fault_kind::rate_limit,
                           fault_kind::outage,
                           fault_kind::error};

constexpr std::string_view kind_names =
  "delay|drop_after_work|status_500|reset|duplicate|rate_limit|outage|error";
constexpr std::string_view provider_names = "slack|intercom|whatsapp|notion|openai|s3|smtp|all";

constexpr std::array fault_fields{
  field{"provider", shape::text, true, 20, provider_names},
  field{"kind", shape::text, true, 20, kind_names},
  field{"operation", shape::text, false, 40},
  field{"times", shape::integer},
  field{"ms", shape::integer},
  field{"probability", shape::number},
  field{"retry_after", shape::integer},
  field{"code", shape::any},
  field{"close", shape::boolean},
};

std::string sentence_for(const problem& found) {
  using enum problem::kind;
  switch (found.is) {
  case missing:
    return "`" + found.name + "` is required";
  case unknown:
    return "`" + found.name + "` is not a field of a fault";
  case wrong_type:
    return "`" + found.name + "` must be a " + std::string{name_of(found.rule.is)};
  case too_long:
    return "`" + found.name + "` is too long";
  case not_one_of:
    return "`" + found.name + "` must be one of " + std::string{found.rule.one_of};
  }
  return "";
}

bool fits(const fault& which, provider of, const std::string& operation) {
  if (which.of && *which.of != of)
    return false;
  if (!which.operation.empty())
    return which.operation == operation;
  // A mail is its DATA; only an outage is about every command.
  if (of == provider::smtp)
    return operation == "DATA" || which.kind == fault_kind::outage;
  // A WhatsApp status is posted by the provider, not called: only what says so concerns it. And
  // `duplicate` says so, for that is what WhatsApp doubles.
  const bool doubles_statuses = which.kind == fault_kind::duplicate && of == provider::whatsapp;
  return (operation == "statuses") == doubles_statuses;
}

} // namespace

std::string_view to_string(fault_kind kind) {
  switch (kind) {
  case fault_kind::delay:
    return "delay";
  case fault_kind::drop_after_work:
    return "drop_after_work";
  case fault_kind::status_500:
    return "status_500";
  case fault_kind::reset:
    return "reset";
  case fault_kind::duplicate:
    return "duplicate";
  case fault_kind::rate_limit:
    return "rate_limit";
  case fault_kind::outage:
    return "outage";
  case fault_kind::error:
    return "error";
  }
  return "";
}

json to_json(const fault& which) {
  json shown{{"id", which.number},
             {"provider", which.of ? to_string(*which.of) : "all"},
             {"kind", to_string(which.kind)},
             {"times_left", which.times ? json(*which.times) : json(nullptr)},
             {"probability", which.probability},
             {"hits", which.hits}};
  if (!which.operation.empty())
    shown["operation"] = which.operation;
  if (which.kind == fault_kind::delay)
    shown["ms"] = which.delay.count();
  if (which.kind == fault_kind::rate_limit)
    shown["retry_after"] = which.retry_after.count();
  if (which.kind == fault_kind::error)
    shown["code"] = which.code;
  if (which.kind == fault_kind::outage)
    shown["close"] = which.close;
  return shown;
}

std::variant<fault, std::string> fault_book::add(const json& described) {
  if (const auto found = find_problem(described, fault_fields))
    return sentence_for(*found);
  if (faults_.size() >= most)
    return "there are " + std::to_string(most) + " faults already; clear some";
  fault made;
  made.of = parse_provider(domain::text_at(described, "provider"));
  const auto name = domain::text_at(described, "kind");
  made.kind = *std::ranges::find(
    kinds, std::string_view{name}, [](fault_kind kind) { return to_string(kind); });
  made.operation = domain::text_at(described, "operation");
  if (described.contains("times")) {
    made.times = described["times"].get<std::int64_t>();
    if (*made.times < 1)
      return "`times` must be at least 1; leave it out for a fault that stays";
  }
  constexpr std::int64_t longest_delay = 600'000;
  const auto ms = described.value("ms", made.delay.count());
  if (ms < 0 || ms > longest_delay)
    return "`ms` must be from 0 to " + std::to_string(longest_delay);
  made.delay = std::chrono::milliseconds{ms};
  made.probability = described.value("probability", 1.0);
  if (!(made.probability > 0 && made.probability <= 1))
    return "`probability` must be more than 0 and at most 1";
  const auto wait = described.value("retry_after", std::int64_t{1});
  if (wait < 0 || wait > 86'400)
    return "`retry_after` must be from 0 to 86400 seconds";
  made.retry_after = std::chrono::seconds{wait};
  made.code = domain::id_at(described, "code");
  if ((made.kind == fault_kind::error) == made.code.empty())
    return "`code` belongs to kind `error`, which needs one: an error of the provider, such as "
           "`channel_not_found`, `131047` or `conflict_error`";
  made.close = described.value("close", false);
  made.number = ++last_;
  faults_.push_back(made);
  return made;
}

std::optional<fault> fault_book::strike(provider of, const std::string& operation) {
  for (auto each = faults_.begin(); each != faults_.end(); ++each) {
    if (!fits(*each, of, operation))
      continue;
    if (each->probability < 1
        && std::uniform_real_distribution<double>{0, 1}(random_) >= each->probability)
      continue;
    ++each->hits;
    const auto striking = *each;
    if (each->times && --*each->times == 0)
      faults_.erase(each);
    return striking;
  }
  return std::nullopt;
}

bool fault_book::remove(std::uint64_t number) {
  return std::erase_if(faults_, [&](const fault& each) { return each.number == number; }) > 0;
}

json fault_book::list() const {
  json all = json::array();
  for (const auto& each : faults_)
    all.push_back(to_json(each));
  return all;
}

} // namespace hub::http::sandbox
