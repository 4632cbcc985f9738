#include "http/server/edge/refusal.hpp"

namespace hub::http::edge {

reply to_reply(const refusal& why) {
  reply answer;
  answer.status = why.status;
  answer.body.append(R"({"error":")")
    .append(why.sentence)
    .append(R"(","code":")")
    .append(why.code)
    .append("\"}");
  return answer;
}

} // namespace hub::http::edge
