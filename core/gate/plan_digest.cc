#include "core/gate/plan_digest.h"

#include <algorithm>

#include "core/x509/digest.h"

namespace postern {
namespace {

// Every field ends in a separator that no field contains, so that two
// different plans can't run together into one text.
void Add(std::string& text, std::string_view field) {
  text += field;
  text += '\0';
}

void AddHost(std::string& text, const HostPlan& host) {
  Add(text, "host");
  Add(text, ToString(host.facts.host));
  Add(text, std::to_string(host.facts.port.value));
  Add(text, host.refused ? Describe(host.refused->reason()).token : "");
  Add(text, std::to_string(static_cast<int>(host.tls)));
  Add(text, host.wrapper ? "wrapper" : "");
  Add(text, host.servername ? host.servername->str() : "");
  Add(text, host.protocols);
  Add(text, host.ciphers);
  Add(text, host.exclude);
  Add(text, host.needs_ptr ? "ptr" : "");
  Add(text, host.credentials ? "login" : "");
  for (const auto& verifier : host.verifiers) {
    Add(text, verifier->name());
    Add(text, verifier->Describe());
  }
}

// In an order of their own: which of two equal hosts comes first is chance, and
// asks for nothing else of either.
void AddHosts(std::string& text, const std::vector<HostPlan>& hosts) {
  std::vector<std::string> each(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i) AddHost(each[i], hosts[i]);
  std::sort(each.begin(), each.end());
  for (const std::string& host : each) text += host;
}

}  // namespace

std::string DigestOf(const Plan& plan) {
  std::string text;
  Add(text, ToString(plan.destination.recipient));
  Add(text, plan.destination.next_hop.str());
  Add(text, Format(plan.destination.policy.line));
  for (const Plan::HopPolicy& held : plan.hop_policies) {
    Add(text, held.hop.str());
    Add(text, Format(held.policy.line));
  }
  AddHosts(text, plan.hosts);

  const Result<std::string> digest = Digest(DigestAlgorithm::kSha256, text);
  // A plan without a digest is never equal to another: nothing is shared.
  if (!digest) return {};
  return ToHex(*digest);
}

}  // namespace postern
