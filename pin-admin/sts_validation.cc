#include "pin-admin/sts_validation.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/route/own_addresses.h"
#include "core/x509/trust_store.h"
#include "pin-admin/handshake_look.h"
#include "pin-admin/parallel.h"
#include "pin-admin/privileges.h"
#include "pin-admin/probe_dns.h"
#include "pin-admin/remark.h"
#include "plugins/mta_sts/mta_sts_verifier.h"
#include "plugins/mta_sts/policy_fetcher.h"
#include "plugins/mta_sts/sts_policy.h"
#include "plugins/mta_sts/sts_record.h"
#include "posternd/assembled_gate.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

// RFC 8461 section 3.2: "weeks or greater"; below a day a sender that fails to
// fetch once has no policy left.
constexpr std::chrono::seconds kShortLife = std::chrono::hours(24);

// What every step works with.
struct DomainWalk {
  const Settings& settings;
  Resolver& resolver;
  const TlsClient& tls;
  const Clock& clock;
  std::string helo;
  Domain domain;
  std::vector<Remark>& remarks;
  Json& doc;

  void Say(Weight weight, const char* code, std::string text) const {
    remarks.push_back({weight, code, Clean(text)});
  }
  Deadline deadline() const { return Deadline::After(settings.timeouts.probe); }
};

void LookAtRecord(const DomainWalk& walk) {
  walk.doc.Set("record", Json());
  const Result<Domain> name = Domain::Parse("_mta-sts." + walk.domain.str());
  if (!name) {
    return walk.Say(Weight::kNo, "record-missing", name.error().detail());
  }
  const auto answer = walk.resolver.Txt(*name, walk.deadline());
  if (answer.failed()) {
    return walk.Say(Weight::kUnknown, "record-unknown",
                    name->str() + " can't be looked up: " + answer.why);
  }
  Json records = Json::MakeArray();
  for (const std::string& record : answer.records) records.Add(Clean(record));
  walk.doc.Set(
      "record",
      Json::MakeObject()
          .Set("name", name->str())
          .Set("security", ToString(answer.security))
          .Set("alias_of",
               answer.canonical ? Json(answer.canonical->str()) : Json())
          .Set("txt", std::move(records)));
  const StsRecord record = ReadStsRecord(answer.records);
  switch (record.state) {
    case StsRecord::State::kAbsent:
      return walk.Say(Weight::kNo, "record-missing",
                      name->str() +
                          " has no TXT record that begins "
                          "\"v=STSv1;\": senders look no further");
    case StsRecord::State::kInvalid:
      return walk.Say(Weight::kNo, "record-invalid",
                      name->str() + ": " + record.why +
                          ": senders take that for no record");
    case StsRecord::State::kValid:
      return walk.Say(Weight::kGood, "record",
                      name->str() + ": id " + record.id);
  }
}

std::optional<StsPolicy> ReadBody(const DomainWalk& walk,
                                  const std::string& body) {
  Json lines = Json::MakeArray();
  for (const std::string& line : PolicyLines(body)) lines.Add(Clean(line));
  walk.doc.Set("policy", std::move(lines));
  ReadPolicy read = ReadStsPolicy(body);
  for (const std::string& fault : read.faults) {
    walk.Say(Weight::kNo, "policy-invalid", "the policy: " + fault);
  }
  if (!read.policy) return std::nullopt;
  const StsPolicy& policy = *read.policy;
  walk.Say(
      Weight::kGood, "policy",
      "the policy is well formed, mode " + std::string(ToString(policy.mode)));
  if (policy.mode == StsMode::kTesting) {
    walk.Say(Weight::kNote, "mode-testing",
             "mode testing: senders report what would fail and deliver all the "
             "same");
  }
  if (policy.max_age < kShortLife) {
    walk.Say(Weight::kWarning, "max-age-short",
             "max_age is " + std::to_string(policy.max_age.count()) +
                 " seconds: a policy protects only as long as it is held; RFC "
                 "8461 wants weeks");
  }
  return std::move(read.policy);
}

std::optional<StsPolicy> LookAtPolicy(const DomainWalk& walk) {
  walk.doc.Set("policy", Json());
  const auto own = InterfaceAddresses();
  if (!own) {
    walk.Say(Weight::kUnknown, "addresses-unknown", own.error().detail());
    return std::nullopt;
  }
  const auto fetcher = MakeHttpsFetcher(
      {walk.settings.trust_directory,
       AddressFilter(*own, walk.settings.probe_private_addresses)},
      walk.resolver, walk.clock);
  const std::atomic<bool> stop{false};
  const Result<std::string> body =
      fetcher->Fetch(walk.domain, Deadline::After(kLongestFetch), stop);
  if (body) {
    walk.Say(Weight::kGood, "policy-host",
             "mta-sts." + walk.domain.str() +
                 " proves its name and hands out the policy");
    return ReadBody(walk, *body);
  }
  const bool ours = body.error().reason() == Reason::kTrustStoreUnavailable;
  walk.Say(ours ? Weight::kUnknown : Weight::kNo,
           ours ? "trust-unavailable"
           : body.error().reason() == Reason::kStsWebpkiInvalid
               ? "policy-host-certificate"
               : "policy-unavailable",
           "the policy can't be fetched: " + body.error().detail());
  return std::nullopt;
}

// One address of one MX host, judged as a delivery would be.
struct HostTask {
  const HostFacts* host;
  IpAddress address;
  HandshakeLook look;
};

void JudgeHost(const DomainWalk& walk, const StsPolicy& policy,
               const HostTask& task,
               const std::shared_ptr<const TrustStore>& trust, Json& list) {
  const std::string where =
      ToString(task.host->host) + " [" + task.address.str() + "]: ";
  const auto* name = std::get_if<Domain>(&task.host->host);
  Json json = Json::MakeObject()
                  .Set("host", ToString(task.host->host))
                  .Set("address", task.address.str());
  if (task.look.failure) {
    const Reason reason = task.look.failure->reason();
    const bool theirs = reason == Reason::kStarttlsNotSupported ||
                        reason == Reason::kStarttlsRefused ||
                        reason == Reason::kTlsHandshakeFailed;
    json.Set("reason", Describe(reason).token);
    walk.Say(theirs ? Weight::kNo : Weight::kUnknown,
             theirs ? "mx-tls" : "mx-unreachable",
             where + task.look.failure->ToString());
  } else {
    MtaStsRequirement requirement{walk.domain.str(),
                                  task.host->host,
                                  name != nullptr && policy.Allows(*name),
                                  {},
                                  trust,
                                  walk.settings.trust_directory};
    for (const MxPattern& pattern : policy.mx) {
      requirement.patterns.push_back(pattern.str());
    }
    const Finding finding = MtaStsVerifier(std::move(requirement))
                                .Check(task.look.evidence, walk.clock.Now());
    json.Set("reason", Describe(finding.reason()).token);
    walk.Say(finding.satisfied() ? Weight::kGood : Weight::kNo,
             finding.satisfied()                         ? "mx"
             : finding.reason() == Reason::kMxNotAllowed ? "mx-not-allowed"
                                                         : "mx-certificate",
             where + finding.detail());
  }
  list.Add(std::move(json));
}

void LookAtHosts(const DomainWalk& walk, const StsPolicy& policy,
                 bool progress) {
  const auto trust = TrustStore::Load(walk.settings.trust_directory);
  if (!trust) {
    return walk.Say(Weight::kUnknown, "trust-unavailable",
                    trust.error().detail());
  }
  const ProbeHostList found = FindProbeHosts(
      walk.resolver, NextHop::ForDomain(walk.domain), walk.deadline());
  std::vector<HostTask> tasks;
  for (const HostFacts& host : found.hosts) {
    if (host.failure) {
      walk.Say(Weight::kUnknown, "mx-unreachable",
               ToString(host.host) + ": " + host.failure->ToString());
    }
    for (const IpAddress& address : host.ips) {
      tasks.push_back({&host, address, {}});
    }
  }
  if (found.hosts.empty()) {
    walk.Say(Weight::kUnknown, "mx-unknown",
             "no MX host of " + walk.domain.str() + " could be found");
  }
  constexpr std::size_t kThreads = 8;
  ForEachInParallel(
      tasks.size(), kThreads, progress, "Looking", [&](std::size_t i) {
        const auto* name = std::get_if<Domain>(&tasks[i].host->host);
        LookRequest request{tasks[i].address, tasks[i].host->port, false,
                            std::nullopt, walk.helo};
        if (name != nullptr) request.server_name = *name;
        tasks[i].look = LookAt(request, walk.tls, walk.deadline());
      });
  Json list = Json::MakeArray();
  for (const HostTask& task : tasks)
    JudgeHost(walk, policy, task, *trust, list);
  walk.doc.Set("hosts", std::move(list));
}

ExitStatus RunValidate(Context& context) {
  Output& out = context.out;
  const Result<Domain> domain = Domain::Parse(context.args.Argument(0));
  if (!domain) return out.Usage(domain.error().detail());
  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return out.CouldNot(dropped.error());
  const Result<Domain> helo = HeloName(context.settings);
  if (!helo) return out.CouldNot(helo.error(), "set helo-name in postern.conf");
  const Result<std::unique_ptr<AssembledGate>> network =
      AssembledGate::Make(context.settings, context.clock);
  if (!network) return out.CouldNot(network.error());

  std::vector<Remark> remarks;
  out.doc().Set("domain", domain->str());
  const DomainWalk walk{context.settings,  (*network)->resolver(),
                        (*network)->tls(), context.clock,
                        helo->str(),       *domain,
                        remarks,           out.doc()};
  LookAtRecord(walk);
  const std::optional<StsPolicy> policy = LookAtPolicy(walk);
  out.doc().Set("hosts", Json());
  if (policy && policy->mode != StsMode::kNone) {
    LookAtHosts(walk, *policy, out.progress());
  }
  out.doc().Set("remarks", ToJson(remarks));
  Show(out, remarks);
  return StatusOf(remarks);
}

}  // namespace

Command StsValidateCommand() {
  return {{"sts validate",
           "say what is wrong with a domain's MTA-STS",
           "Looks at the TXT record, fetches the policy from its host, and "
           "connects to each MX host, as a sender does; tells every fault that "
           "it finds. Holds nothing and asks no service. For your own domain "
           "first of all.",
           {{"DOMAIN", "the policy domain"}},
           {},
           "pin-admin sts validate bank.example\n"
           "pin-admin sts validate bank.example --json"},
          RunValidate};
}

}  // namespace postern
