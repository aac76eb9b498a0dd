#include <fstream>
#include <sstream>

#include "core/dns/unbound_resolver.h"
#include "pin-admin/doctor/dns_check.h"
#include "pin-admin/doctor/own_setup.h"
#include "posternd/assembled_gate.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

enum class Found { kSecure, kInsecure, kBogus, kSilent };

struct Tried {
  Found what = Found::kSilent;
  std::string why;
};

Tried Try(Resolver& resolver, const Settings& settings) {
  const auto answer =
      resolver.Txt(ProbeName(), Deadline::After(settings.timeouts.dns));
  if (answer.failed()) {
    return {
        answer.security == Security::kBogus ? Found::kBogus : Found::kSilent,
        answer.why};
  }
  return {answer.secure() ? Found::kSecure : Found::kInsecure, ""};
}

std::string TextOf(const DnsServer& server) {
  return server.address.str() + (server.port.value == 53
                                     ? ""
                                     : "@" + std::to_string(server.port.value));
}

// Those that are asked: configured, else the system's.
std::vector<DnsServer> ServersAsked(const ResolverOptions& options) {
  if (!options.forwarders.empty()) return options.forwarders;
  std::vector<DnsServer> servers;
  std::ifstream file(options.resolv_conf);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string word, address;
    words >> word >> address;
    if (word != "nameserver") continue;
    if (const Result<IpAddress> parsed = IpAddress::Parse(address)) {
      servers.push_back({*parsed, Port{53}});
    }
  }
  return servers;
}

Diagnosis Blame(const std::string& server, const Tried& tried, bool only) {
  const std::string mend =
      "postern.conf: dns-forwarders = ADDRESS\n(of a resolver that passes "
      "DNSSEC on, such as an unbound of your own)";
  if (tried.what == Found::kSilent) {
    return {only ? Weight::kUnknown : Weight::kWarning,
            "forwarder-silent",
            server,
            "the resolver doesn't answer: " + tried.why,
            only ? "mail is deferred: no destination is found"
                 : "each lookup waits for it in vain",
            mend};
  }
  // libunbound's words for a signature that is good at another time.
  if (tried.why.find("signature expired") != std::string::npos ||
      tried.why.find("inception") != std::string::npos) {
    return {Weight::kNo,
            "dnssec-clock",
            server,
            "signatures are outside of their time here: " + tried.why,
            "every lookup is bogus, and all mail is deferred",
            "set the clock: timedatectl set-ntp true"};
  }
  // Its unsigned answers spoil lookups even where another one is good.
  return {Weight::kNo,
          "forwarder-strips-dnssec",
          server,
          "the resolver doesn't pass DNSSEC signatures on: " +
              (tried.why.empty() ? "the answer is not signed" : tried.why),
          only ? "every lookup is bogus, and all mail is deferred"
               : "lookups through it are bogus, and mail is deferred",
          mend};
}

}  // namespace

Domain ProbeName() { return Domain::Parse("postern-doctor").value(); }

std::vector<Diagnosis> InspectResolver(const Settings& settings,
                                       const KnownNames& names,
                                       std::unique_ptr<Resolver>& resolver) {
  const auto options = ResolverOptionsFrom(settings);
  const std::string why = "without DNS all mail is deferred";
  if (!options) {
    return {CouldNotFindOut("resolver-unusable", "", options.error(), why,
                            "mend postern.conf")};
  }
  auto started = UnboundResolver::Start(*options);
  if (!started) {
    return {CouldNotFindOut("resolver-unusable", "", started.error(), why,
                            "mend dns-options and dns-trust-anchor in "
                            "postern.conf")};
  }
  resolver = *std::move(started);
  const Tried all = Try(*resolver, settings);

  std::vector<Diagnosis> found;
  if (all.what == Found::kInsecure) {
    found.push_back({Weight::kNo, "dnssec-not-validated",
                     settings.dns_trust_anchor,
                     "the root is not secure: no trust anchor reaches it",
                     "nothing in DNS is proven; dane-only never passes, and "
                     "NXDOMAIN never bounces",
                     "postern.conf: dns-trust-anchor = "
                     "/usr/share/dns/root.key"});
    return found;
  }
  const std::vector<DnsServer> servers = ServersAsked(*options);
  std::vector<std::pair<std::string, DnsServer>> good;
  for (const DnsServer& server : servers) {
    ResolverOptions alone = *options;
    alone.forwarders = {server};
    auto one = UnboundResolver::Start(alone);
    if (!one) continue;
    const Tried tried = servers.size() == 1 ? all : Try(**one, settings);
    if (tried.what == Found::kSecure) {
      good.emplace_back(TextOf(server), server);
      continue;
    }
    found.push_back(Blame(TextOf(server), tried, all.what != Found::kSecure));
  }
  if (found.empty() && all.what != Found::kSecure) {
    found.push_back(Blame("", all, true));
  }
  // What is known to be broken has its finding already.
  if (all.what == Found::kSecure) {
    for (Diagnosis& one : InspectValidation(*options, good, names)) {
      found.push_back(std::move(one));
    }
  }
  return found;
}

}  // namespace postern
