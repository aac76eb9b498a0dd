#include "pin-admin/probe_walk.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/x509/path_validator.h"
#include "core/x509/trust_store.h"
#include "pin-admin/certificate_facts.h"
#include "pin-admin/handshake_look.h"
#include "pin-admin/parallel.h"
#include "pin-admin/probe_dns.h"
#include "pin-admin/verify_request.h"

namespace postern {
namespace {

// Everything that the workers share; only read.
struct Walk {
  Resolver& resolver;
  const TlsClient& tls;
  const ProbeWalkOptions& options;
  const TrustStore* trust;  // null: not available
  TimePoint now;
};

Json ErrorJson(const Error& error, const std::string& reply) {
  return Json::MakeObject()
      .Set("reason", Describe(error.reason()).token)
      .Set("sentence", error.detail())
      .Set("reply", reply.empty() ? Json() : Json(reply));
}

// {"trusted", "reason", "sentence"}: would the web PKI accept the chain, names
// aside?
Json TrustJson(const Walk& walk, const std::vector<Certificate>& chain) {
  if (walk.trust == nullptr) return {};
  PathRequest request;
  request.chain = chain;
  request.trust = walk.trust;
  request.at = walk.now;
  const Finding finding = ToFinding(ValidatePath(request));
  return Json::MakeObject()
      .Set("trusted", finding.satisfied())
      .Set("reason", Describe(finding.reason()).token)
      .Set("sentence", finding.detail());
}

Json LookJson(const Walk& walk, const HandshakeLook& look) {
  Json json = Json::MakeObject();
  json.Set("error",
           look.failure ? ErrorJson(*look.failure, look.reply) : Json());
  json.Set("starttls_offered", look.starttls_offered);
  json.Set("protocol", look.evidence.protocol);
  json.Set("cipher", look.evidence.cipher);
  json.Set("server_name", look.evidence.server_name);
  Json chain = Json::MakeArray();
  json.Set("trust", Json());
  if (look.evidence.has_certificate()) {
    const Result<std::vector<Certificate>>& parsed =
        look.evidence.certificates().Certificates();
    if (!parsed) {
      json.Set("error", ErrorJson(parsed.error(), ""));
    } else {
      for (const Certificate& certificate : *parsed) {
        chain.Add(ToJson(certificate));
      }
      json.Set("trust", TrustJson(walk, *parsed));
    }
  }
  return json.Set("chain", std::move(chain));
}

// `chain` gets what the server presented with SNI.
Json AddressJson(const Walk& walk, const HostFacts& host,
                 const IpAddress& address, std::vector<DerCertificate>& chain) {
  const Deadline deadline = Deadline::After(walk.options.each);
  Json json = Json::MakeObject();
  json.Set("address", address.str());
  json.Set("ptr", LookUpPtr(walk.resolver, address, deadline));

  LookRequest request{address, host.port, walk.options.wrapper, std::nullopt,
                      walk.options.helo};
  if (const Domain* name = std::get_if<Domain>(&host.host)) {
    request.server_name = *name;
  }
  const HandshakeLook with = LookAt(request, walk.tls, deadline);
  json.Set("with_sni", LookJson(walk, with));
  chain = with.evidence.chain();
  json.Set("without_sni", Json());
  json.Set("same_certificate", Json());
  if (!walk.options.without_sni || !request.server_name ||
      !with.evidence.has_certificate()) {
    return json;
  }
  request.server_name.reset();
  const HandshakeLook without = LookAt(request, walk.tls, deadline);
  json.Set("without_sni", LookJson(walk, without));
  if (without.evidence.has_certificate()) {
    json.Set("same_certificate",
             with.evidence.leaf() == without.evidence.leaf());
  }
  return json;
}

Json HostJson(const HostFacts& host) {
  return Json::MakeObject()
      .Set("host", ToString(host.host))
      .Set("port", static_cast<int>(host.port.value))
      .Set("preference", host.preference)
      .Set("mx_security", ToString(host.mx))
      .Set("address_security", ToString(host.address))
      .Set("expanded", host.expanded ? Json(host.expanded->str()) : Json())
      .Set("error", host.failure ? ErrorJson(*host.failure, "") : Json())
      .Set("tlsa", Json());
}

// One address, or (without one) one host's TLSA records.
struct Task {
  std::size_t host;
  const IpAddress* address;
  Json result;
  std::vector<DerCertificate> chain;
};

// What a sender that uses DANE would say of the chain; null where there are no
// signed records or there was no handshake.
Json TlsaVerdict(const Json& tlsa, const NextHop& target,
                 const std::vector<DerCertificate>& chain, TimePoint now) {
  const Json::Array* records = tlsa["records"].array();
  if (records == nullptr || records->empty() || chain.empty() ||
      tlsa["security"].text() != "secure") {
    return {};
  }
  VerifyRequest request;
  request.level = Level::kDane;
  request.at = now;
  for (const Json& record : *records) {
    request.tlsa.emplace_back(record.text());
  }
  AcceptedNames& names = request.names.emplace();
  if (auto base = ReferenceIdentity::Parse(tlsa["base"].text())) {
    names.references.push_back(*std::move(base));
  }
  if (const Domain* domain = target.domain()) {
    names.references.push_back(ReferenceIdentity::Exact(*domain));
  }
  return ToJson(VerifyTlsa(request, chain));
}

}  // namespace

Json ProbeWalk(Resolver& resolver, const TlsClient& tls, const NextHop& target,
               const ProbeWalkOptions& options, TimePoint now) {
  Json document = Json::MakeObject();
  document.Set("target", target.str());
  const Result<std::shared_ptr<const TrustStore>> trust =
      TrustStore::Load(options.trust_directory);
  document.Set("trust_error", trust ? Json() : Json(trust.error().detail()));
  const Walk walk{resolver, tls, options, trust ? trust->get() : nullptr, now};

  const ProbeHostList found =
      FindProbeHosts(resolver, target, Deadline::After(options.each));
  document.Set("mx", found.mx);
  std::vector<Task> tasks;
  std::size_t addresses = 0;
  for (std::size_t i = 0; i < found.hosts.size(); ++i) {
    if (options.tlsa) tasks.push_back({i, nullptr, {}, {}});
    for (const IpAddress& address : found.hosts[i].ips) {
      if (addresses++ < options.max_addresses)
        tasks.push_back({i, &address, {}, {}});
    }
  }
  document.Set("addresses_left_out",
               addresses - std::min(addresses, options.max_addresses));
  ForEachInParallel(
      tasks.size(), options.threads, options.progress, "Probing",
      [&](std::size_t i) {
        Task& task = tasks[i];
        const HostFacts& host = found.hosts[task.host];
        task.result =
            task.address != nullptr
                ? AddressJson(walk, host, *task.address, task.chain)
                : LookUpTlsa(resolver, host, Deadline::After(options.each));
      });
  Json hosts = Json::MakeArray();
  for (std::size_t i = 0; i < found.hosts.size(); ++i) {
    Json host = HostJson(found.hosts[i]);
    Json list = Json::MakeArray();
    // The records come before the addresses, which are compared with them.
    for (Task& task : tasks) {
      if (task.host != i) continue;
      if (task.address == nullptr) {
        host.Set("tlsa", std::move(task.result));
        continue;
      }
      task.result.Set("tlsa",
                      TlsaVerdict(host["tlsa"], target, task.chain, now));
      list.Add(std::move(task.result));
    }
    hosts.Add(host.Set("addresses", std::move(list)));
  }
  return document.Set("hosts", std::move(hosts));
}

}  // namespace postern
