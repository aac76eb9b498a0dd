#include "posternd/query_door.h"

#include <nlohmann/json.hpp>

#include "core/gate/explain.h"
#include "core/gate/probe.h"
#include "core/names/quoted.h"
#include "posternd/explain_answer.h"

namespace postern {
namespace {

// Planning asks DNS only; a probe may wait for many silent hosts.
constexpr std::chrono::seconds kExplainBudget{60};
constexpr std::chrono::minutes kProbeBudget{5};
// The lookup and the whole fetch.
constexpr std::chrono::seconds kRefreshBudget{90};

Status CheckNoFields(const Request& request) {
  if (request.fields.empty()) return {};
  return Invalid("'" + request.verb + "' takes no fields");
}

Result<Domain> OnlyDomain(const Request& request) {
  if (request.fields.size() != 1 || request.fields[0].first != "domain") {
    return Invalid("'" + request.verb + "' takes domain= and nothing else");
  }
  return Domain::Parse(request.fields[0].second);
}

Cancellation CancellationOf(const Call& call) {
  return {call.socket.get(), call.stop_fd};
}

}  // namespace

std::string VersionJson() {
  const nlohmann::ordered_json json{{"version", POSTERN_VERSION},
                                    {"protocol", kProtocolVersion}};
  return json.dump();
}

Result<Question> ParseQuestion(const Request& request) {
  for (const auto& field : request.fields) {
    if (field.first != "domain" && field.first != "nexthop") {
      return Invalid("unknown field " + Quoted(field.first));
    }
  }
  const std::string* domain = request.Find("domain");
  if (domain == nullptr) return Invalid("domain is missing");
  Result<HostName> recipient = ParseRecipientDomain(*domain);
  if (!recipient) return recipient.error();
  if (const std::string* hop = request.Find("nexthop")) {
    Result<NextHop> next_hop = NextHop::Parse(*hop);
    if (!next_hop) return next_hop.error();
    return Question{*std::move(recipient), *std::move(next_hop)};
  }
  const Domain* name = std::get_if<Domain>(&*recipient);
  NextHop next_hop = name != nullptr ? NextHop::ForDomain(*name)
                                     : NextHop::ForHost(*recipient);
  return Question{*std::move(recipient), std::move(next_hop)};
}

Reply QueryDoor::Handle(const Call& call) const {
  const Request& request = call.request;
  if (request.verb == "explain") return Explain(call);
  if (request.verb == "probe") return Probe(call);
  if (request.verb == "sts-refresh") return RefreshPublished(call);
  if (request.verb == "sts-purge") return ForgetPublished(call);
  const Status bare = CheckNoFields(request);
  if (!bare) return ErrorReply(bare.error());
  if (request.verb == "ping") return {"ok", "{\"alive\":true}"};
  if (request.verb == "version") return {"ok", VersionJson()};
  if (request.verb == "status") return {"ok", controls_.status()};
  if (request.verb == "reload") return Reload(call);
  return ErrorReply(Invalid("unknown verb " + Quoted(request.verb) +
                            "; there are ping version status explain probe "
                            "reload sts-refresh sts-purge"));
}

Reply QueryDoor::Explain(const Call& call) const {
  const Result<Question> question = ParseQuestion(call.request);
  if (!question) return ErrorReply(question.error());
  return {"ok",
          ExplainAnswer(gate_, map_, question->recipient, question->next_hop,
                        Deadline::After(kExplainBudget))};
}

Reply QueryDoor::Probe(const Call& call) const {
  const Result<Question> question = ParseQuestion(call.request);
  if (!question) return ErrorReply(question.error());
  const Deadline deadline = Deadline::After(kProbeBudget);
  const Planned planned =
      gate_.Survey(question->recipient, question->next_hop, deadline);
  std::vector<ProbedAddress> probed;
  if (const Plan* plan = std::get_if<Plan>(&planned)) {
    ProbeOptions options;
    options.each = probe_;
    options.cancellation = CancellationOf(call);
    probed = ProbeHosts(gate_, *plan, options, deadline);
  }
  return {"ok", ProbeJson(planned, probed)};
}

Reply QueryDoor::Reload(const Call& call) const {
  if (!controls_.may_control(call.peer)) {
    return ErrorReply(
        {Reason::kClientNotAllowed, "uid " + std::to_string(call.peer.uid) +
                                        " may not reload the service"});
  }
  const Result<std::vector<std::string>> unchanged = controls_.reload();
  if (!unchanged) return ErrorReply(unchanged.error());
  const nlohmann::ordered_json json{{"reloaded", true},
                                    {"unchanged", *unchanged}};
  return {"ok", json.dump(-1, ' ', true,
                          nlohmann::ordered_json::error_handler_t::replace)};
}

// Who may ask at all may have a policy looked for: it is public, and fetched at
// most once at a time.
Reply QueryDoor::RefreshPublished(const Call& call) const {
  const Result<Domain> domain = OnlyDomain(call.request);
  if (!domain) return ErrorReply(domain.error());
  const Status done =
      gate_.RefreshPublished(*domain, Deadline::After(kRefreshBudget));
  if (!done) return ErrorReply(done.error());
  return {"ok", "{\"refreshed\":true}"};
}

// To forget is to trust the next lookup: for administrators only.
Reply QueryDoor::ForgetPublished(const Call& call) const {
  const Result<Domain> domain = OnlyDomain(call.request);
  if (!domain) return ErrorReply(domain.error());
  if (!controls_.may_control(call.peer)) {
    return ErrorReply(
        {Reason::kClientNotAllowed,
         "uid " + std::to_string(call.peer.uid) + " may not purge policies"});
  }
  const Result<bool> done = gate_.ForgetPublished(*domain);
  if (!done) return ErrorReply(done.error());
  return {"ok", *done ? "{\"purged\":true}" : "{\"purged\":false}"};
}

}  // namespace postern
