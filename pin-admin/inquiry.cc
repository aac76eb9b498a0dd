#include "pin-admin/inquiry.h"

#include <utility>

#include "core/gate/explain.h"
#include "core/gate/probe.h"
#include "core/names/next_hop.h"
#include "core/service/client.h"
#include "pin-admin/output.h"
#include "posternd/explain_answer.h"

namespace postern {
namespace {

using std::chrono::seconds;

bool Unavailable(const Error& error) {
  return error.reason() == Reason::kServiceUnavailable;
}

}  // namespace

Inquiry::Inquiry(const Settings& settings, const Clock& clock, AskWhom whom)
    : settings_(settings), clock_(clock), whom_(whom) {
  if (whom == AskWhom::kOnlyHere)
    why_local_ = "it was told not to ask the service";
}

std::string Inquiry::why_local() const {
  const std::lock_guard lock(mutex_);
  return why_local_;
}

std::string Inquiry::LocalNote() const {
  const std::string why = why_local();
  if (why.empty()) return why;
  if (whom_ == AskWhom::kOnlyHere) {
    return "Computed here, by the service's code; it was not asked (--here).";
  }
  return "The service could not be asked: " + Clean(why) +
         ".\nWhile it is down all mail waits ('pin-admin doctor'). Computed "
         "here, by its code:";
}

Result<Json> Inquiry::Explain(const std::string& domain,
                              const std::string& next_hop) {
  return Ask("explain", domain, next_hop, Deadline::After(seconds(60)));
}

Result<Json> Inquiry::Probe(const std::string& domain,
                            const std::string& next_hop) {
  return Ask("probe", domain, next_hop, Deadline::After(seconds(300)));
}

Result<Json> Inquiry::Ask(const std::string& verb, const std::string& domain,
                          const std::string& next_hop, Deadline deadline) {
  // What is no question is said here, in words for who typed it.
  const Result<HostName> recipient = ParseRecipientDomain(domain);
  if (!recipient) return recipient.error();
  if (!next_hop.empty()) {
    const Result<NextHop> hop = NextHop::Parse(next_hop);
    if (!hop) return hop.error();
  }
  const DoorSettings* door = settings_.door("query");
  if (door == nullptr || !why_local().empty()) {
    return AskHere(verb, domain, next_hop, deadline);
  }
  Result<ServiceClient> client = ServiceClient::Connect(door->path, deadline);
  if (!client && Unavailable(client.error())) {
    {
      const std::lock_guard lock(mutex_);
      why_local_ = client.error().detail();
    }
    return AskHere(verb, domain, next_hop, deadline);
  }
  if (!client) return client.error();
  Request request{verb, {{"domain", domain}}};
  if (!next_hop.empty()) request.fields.emplace_back("nexthop", next_hop);
  const Result<Reply> reply = client->Ask(request, deadline);
  if (!reply) return reply.error();
  if (reply->word != "ok") {
    return Error(Reason::kServiceUnavailable,
                 "the service says: " + reply->rest);
  }
  Result<Json> answer = Json::Parse(reply->rest);
  if (!answer) {
    return Error(
        Reason::kServiceUnavailable,
        "the service's answer cannot be read: " + answer.error().detail());
  }
  return answer;
}

Result<AssembledGate*> Inquiry::Local() {
  const std::lock_guard lock(mutex_);
  if (!local_) {
    Result<std::unique_ptr<AssembledGate>> made =
        AssembledGate::Make(settings_, clock_);
    if (!made) return made.error();
    local_ = std::move(*made);
  }
  return local_.get();
}

Result<Json> Inquiry::AskHere(const std::string& verb,
                              const std::string& domain,
                              const std::string& next_hop, Deadline deadline) {
  const Result<HostName> recipient = ParseRecipientDomain(domain);
  if (!recipient) return recipient.error();
  const Result<NextHop> hop =
      NextHop::Parse(next_hop.empty() ? domain : next_hop);
  if (!hop) return hop.error();
  const Result<AssembledGate*> local = Local();
  if (!local) return local.error();
  if (verb == "explain") {
    return Json::Parse(ExplainAnswer((*local)->gate(),
                                     (*local)->served_policy_map(), *recipient,
                                     *hop, deadline));
  }
  Gate& gate = (*local)->gate();
  const Planned planned = gate.Survey(*recipient, *hop, deadline);
  std::vector<ProbedAddress> probed;
  if (const Plan* plan = std::get_if<Plan>(&planned)) {
    ProbeOptions options;
    options.each = settings_.timeouts.probe;
    probed = ProbeHosts(gate, *plan, options, deadline);
  }
  return Json::Parse(ProbeJson(planned, probed));
}

}  // namespace postern
