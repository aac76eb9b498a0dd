#include "pin-admin/probe_dns.h"

#include <algorithm>

#include "core/route/host_addresses.h"
#include "core/route/mx_list.h"
#include "core/x509/digest.h"

namespace postern {
namespace {

HostFacts MakeHost(const HostName& name, Port port, Security mx,
                   int preference) {
  return {name, port, mx, Security::kInsecure, {}, {}, preference, {}};
}

HostFacts BareHost(const NextHop& target) {
  // The administrator named it: nothing in between could have changed that.
  HostFacts facts =
      MakeHost(target.host(), target.port(), Security::kSecure, 0);
  if (const IpAddress* address = std::get_if<IpAddress>(&target.host())) {
    facts.ips.push_back(*address);
    facts.address = Security::kSecure;
  }
  return facts;
}

Json Describe(const auto& answer) {
  return Json::MakeObject()
      .Set("presence", ToString(answer.presence))
      .Set("security", ToString(answer.security))
      .Set("why", answer.why.empty() ? Json() : Json(answer.why));
}

// An address of either family that `name` has.
bool HasAddress(Resolver& resolver, const Domain& name,
                const IpAddress& address, Deadline deadline) {
  const DnsAnswer<IpAddress> answer = address.is_v6()
                                          ? resolver.Aaaa(name, deadline)
                                          : resolver.A(name, deadline);
  return std::find(answer.records.begin(), answer.records.end(), address) !=
         answer.records.end();
}

}  // namespace

ProbeHostList FindProbeHosts(Resolver& resolver, const NextHop& target,
                             Deadline deadline) {
  SystemRandom random;
  ProbeHostList found;
  const Domain* domain = target.domain();
  if (target.bracketed() || domain == nullptr) {
    found.hosts.push_back(BareHost(target));
  } else {
    const DnsAnswer<MxRecord> mx = resolver.Mx(*domain, deadline);
    found.mx = Describe(mx).Set("null_mx", IsNullMx(mx.records));
    if (mx.failed() || mx.presence == Presence::kNoDomain) return found;
    for (const MxHost& host : SortMx(mx.records, random)) {
      found.hosts.push_back(
          MakeHost(host.name, target.port(), mx.security, host.preference));
    }
    // No MX at all: the domain itself (RFC 5321 section 5.1).
    if (mx.presence == Presence::kNoData) {
      found.hosts.push_back(MakeHost(*domain, target.port(), mx.security, 0));
    }
  }
  for (HostFacts& facts : found.hosts) {
    if (std::holds_alternative<Domain>(facts.host)) {
      LookUpAddresses(resolver, random, Family::kAny, deadline, facts);
    }
  }
  return found;
}

Json LookUpTlsa(Resolver& resolver, const HostFacts& host, Deadline deadline) {
  const Domain* name = std::get_if<Domain>(&host.host);
  if (name == nullptr) return {};
  const Domain& base = host.expanded ? *host.expanded : *name;
  DnsAnswer<TlsaRecord> answer = resolver.Tlsa(host.port, base, deadline);
  Json json = Describe(answer);
  json.Set("base", base.str());
  // Where a name is an alias, its own records come second (RFC 7672 2.2.3).
  if (answer.absent() && base != *name) {
    answer = resolver.Tlsa(host.port, *name, deadline);
    json = Describe(answer);
    json.Set("base", name->str());
  }
  Json records = Json::MakeArray();
  for (const TlsaRecord& record : answer.records) {
    records.Add(std::to_string(record.usage) + " " +
                std::to_string(record.selector) + " " +
                std::to_string(record.matching) + " " + ToHex(record.data));
  }
  return json.Set("records", std::move(records));
}

Json LookUpPtr(Resolver& resolver, const IpAddress& address,
               Deadline deadline) {
  const DnsAnswer<Domain> answer = resolver.Ptr(address, deadline);
  Json names = Json::MakeArray();
  Json confirmed;
  for (const Domain& name : answer.records) {
    names.Add(name.str());
    if (confirmed.is_null() && HasAddress(resolver, name, address, deadline)) {
      confirmed = name.str();
    }
  }
  return Json::MakeObject()
      .Set("names", std::move(names))
      .Set("confirmed", std::move(confirmed))
      .Set("why", answer.why.empty() ? Json() : Json(answer.why));
}

}  // namespace postern
