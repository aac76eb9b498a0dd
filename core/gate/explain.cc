#include "core/gate/explain.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/x509/base64.h"

namespace postern {
namespace {

// Members stay in the order in which a reader wants them.
using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  // ASCII, and never an exception for octets that are no UTF-8.
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string_view Text(TlsUse use) {
  switch (use) {
    case TlsUse::kNever:
      return "never";
    case TlsUse::kOpportunistic:
      return "opportunistic";
    case TlsUse::kRequired:
      break;
  }
  return "required";
}

Json ToJson(const Finding& finding) {
  return {{"source", finding.source()},
          {"state", ToString(finding.state())},
          {"reason", Describe(finding.reason()).token},
          {"detail", finding.detail()},
          {"hint", finding.hint()},
          {"noteworthy", finding.noteworthy()}};
}

Json ToJson(const Error& error) {
  const Verdict verdict = DeferFor(error);
  return {{"reason", Describe(error.reason()).token},
          {"status", verdict.status},
          {"detail", error.detail()},
          {"hint", verdict.hint}};
}

Json ToJson(const std::optional<Domain>& domain) {
  return domain ? Json(domain->str()) : Json(nullptr);
}

Json ToJson(const Verdict& verdict) {
  Json findings = Json::array();
  for (const Finding& finding : verdict.findings) {
    findings.push_back(ToJson(finding));
  }
  return {{"decision", ToString(verdict.decision)},
          {"reason", Describe(verdict.reason).token},
          {"status", verdict.status},
          {"mx_host", verdict.mx_host},
          {"address", verdict.address},
          {"basis", ToString(verdict.basis)},
          {"line", verdict.line},
          {"origin", verdict.origin},
          {"sentence", verdict.sentence},
          {"hint", verdict.hint},
          {"findings", std::move(findings)}};
}

Json ToJson(const std::vector<std::shared_ptr<const Verifier>>& verifiers) {
  Json list = Json::array();
  for (const auto& verifier : verifiers) {
    list.push_back(
        {{"source", verifier->name()}, {"what", verifier->Describe()}});
  }
  return list;
}

Json ToJson(const PublishedPolicy& policy) {
  return {{"type", ToString(policy.type)},
          {"domain", policy.domain},
          {"text", policy.text},
          {"mx_patterns", policy.mx_patterns},
          {"mode", policy.mode},
          {"id", policy.id},
          {"result", Describe(policy.result).token},
          {"detail", policy.detail}};
}

Json ToJson(const HostPlan& host) {
  Json addresses = Json::array();
  for (const IpAddress& address : host.facts.ips) {
    addresses.push_back(address.str());
  }
  Json policies = Json::array();
  for (const PublishedPolicy& policy : host.policies) {
    policies.push_back(ToJson(policy));
  }
  return {{"host", ToString(host.facts.host)},
          {"port", host.facts.port.value},
          {"preference", host.facts.preference},
          {"mx_security", ToString(host.facts.mx)},
          {"address_security", ToString(host.facts.address)},
          {"addresses", std::move(addresses)},
          {"expanded", ToJson(host.facts.expanded)},
          {"failure",
           host.facts.failure ? ToJson(*host.facts.failure) : Json(nullptr)},
          {"refused", host.refused ? ToJson(*host.refused) : Json(nullptr)},
          {"tls", Text(host.tls)},
          {"wrapper", host.wrapper},
          {"published", host.published},
          {"requires", ToJson(host.verifiers)},
          {"records", ToJson(host.recorded)},
          {"servername", ToJson(host.servername)},
          {"protocols", host.protocols},
          {"ciphers", host.ciphers},
          {"exclude", host.exclude},
          {"needs_ptr", host.needs_ptr},
          {"login", host.credentials && !host.refused},
          {"notes", host.notes},
          {"published_policies", std::move(policies)},
          {"weaker", host.weaker}};
}

Json ToJson(const Plan& plan) {
  Json hosts = Json::array();
  for (const HostPlan& host : plan.hosts) hosts.push_back(ToJson(host));
  const Destination& destination = plan.destination;
  Json hop_line, hop_origin;
  for (const Plan::HopPolicy& held : plan.hop_policies) {
    const std::string between = hop_line.is_null() ? "" : "; ";
    hop_line = hop_line.is_null() ? "" : hop_line.get<std::string>();
    hop_origin = hop_origin.is_null() ? "" : hop_origin.get<std::string>();
    hop_line = hop_line.get<std::string>() + between + Format(held.policy.line);
    hop_origin = hop_origin.get<std::string>() + between + held.policy.origin;
  }
  Json failed_hops = Json::array();
  for (const Plan::FailedHop& failed : plan.failed_hops) {
    Json why = ToJson(failed.error);
    why["hop"] = failed.hop.str();
    failed_hops.push_back(std::move(why));
  }
  return {{"recipient", ToString(destination.recipient)},
          {"next_hop", destination.next_hop.str()},
          {"own_mx", destination.own_mx},
          {"line", Format(destination.policy.line)},
          {"origin", destination.policy.origin},
          {"hop_line", std::move(hop_line)},
          {"hop_origin", std::move(hop_origin)},
          {"mx_security", ToString(plan.mx)},
          {"digest", plan.digest},
          {"valid_until", plan.valid_until == TimePoint{}
                              ? Json(nullptr)
                              : Json(FormatTime(plan.valid_until))},
          {"failed_hops", std::move(failed_hops)},
          {"hosts", std::move(hosts)}};
}

std::string Base64(const DerCertificate& octets) {
  return ToBase64(std::string(octets.begin(), octets.end()));
}

Json ToJson(const ProbedAddress& probed) {
  const Connection& found = probed.connection;
  Json chain = Json::array();
  for (const DerCertificate& der : found.evidence.chain()) {
    chain.push_back(Base64(der));
  }
  return {{"host", ToString(probed.host)},
          {"port", probed.port.value},
          {"address", probed.address.str()},
          {"starttls_offered", found.starttls_offered},
          {"tls_failed", found.tls_failed},
          {"protocol", found.evidence.protocol},
          {"cipher", found.evidence.cipher},
          {"server_name", found.evidence.server_name},
          {"confirmed_ptr", ToJson(found.evidence.confirmed_ptr)},
          {"chain", std::move(chain)},
          {"verdict", ToJson(found.verdict)}};
}

Json ToJson(const Planned& planned) {
  const Plan* plan = std::get_if<Plan>(&planned);
  const Verdict* verdict = std::get_if<Verdict>(&planned);
  return {{"plan", plan != nullptr ? ToJson(*plan) : Json(nullptr)},
          {"verdict", verdict != nullptr ? ToJson(*verdict) : Json(nullptr)}};
}

}  // namespace

std::string ExplainJson(const Planned& planned) {
  return Dump(ToJson(planned));
}

std::string ProbeJson(const Planned& planned,
                      std::span<const ProbedAddress> probed) {
  Json json = ToJson(planned);
  Json connections = Json::array();
  for (const ProbedAddress& address : probed) {
    connections.push_back(ToJson(address));
  }
  json["connections"] = std::move(connections);
  return Dump(json);
}

std::string PlanJson(const Plan& plan) { return Dump(ToJson(plan)); }

std::string VerdictJson(const Verdict& verdict) {
  return Dump(ToJson(verdict));
}

}  // namespace postern
