#include "posternd/explain_answer.h"

#include <nlohmann/json.hpp>

#include "core/gate/explain.h"

namespace postern {
namespace {

using Json = nlohmann::ordered_json;

Json SmtpPolicyJson(PolicyMap& map, const NextHop& hop, Deadline deadline) {
  const PolicyMapAnswer answer = map.AnswerFor(hop, deadline);
  return {{"next_hop", hop.str()},
          {"told", answer.reply.status == SocketMapReply::Status::kOk},
          {"answer", answer.reply.text},
          {"notes", answer.notes}};
}

}  // namespace

std::string ExplainAnswer(Gate& gate, PolicyMap* map, const HostName& recipient,
                          const NextHop& hop, Deadline deadline) {
  Json json = Json::parse(ExplainJson(gate.Survey(recipient, hop, deadline)));
  json["smtp_policy"] =
      map != nullptr ? SmtpPolicyJson(*map, hop, deadline) : Json(nullptr);
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace postern
