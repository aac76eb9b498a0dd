#include "pin-admin/live_pin.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/store/state_store.h"
#include "pin-admin/certificate_facts.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/privileges.h"
#include "pin-admin/probe_meaning.h"
#include "pin-admin/probe_walk.h"
#include "pin-admin/store_access.h"
#include "pin-admin/value_text.h"
#include "posternd/assembled_gate.h"

namespace postern {
namespace {

// One key, where it was seen, and what vouches for it.
struct LiveKey {
  Pin pin;
  Json certificate;
  std::vector<std::string> seen_at;
  std::set<std::string> vouchers;
};

// Where to look: the routes of the line, the next hop itself, or the domain.
Result<std::vector<NextHop>> Targets(AuthorStore& store, const PolicyKey& key,
                                     TimePoint now) {
  if (key.kind() == PolicyKey::Kind::kParent) {
    return Error(Reason::kRequestInvalid,
                 "'" + key.str() +
                     "' is many destinations: --from-live needs "
                     "one of them");
  }
  const Result<NextHop> own = NextHop::Parse(key.str());
  if (!own) return own.error();
  if (key.kind() == PolicyKey::Kind::kNextHop || own->domain() == nullptr) {
    return std::vector<NextHop>{*own};
  }
  AuthorAsPolicyStore lookup(store);
  const Result<ServedPolicy> policy = LookUpDomain(lookup, *own->domain(), now);
  if (!policy) return policy.error();
  if (!policy->line.route.empty()) return policy->line.route;
  return std::vector<NextHop>{*own};
}

// Runs in the child: looks, and says what else is known of those keys.
std::string LookThere(const Settings& settings, const Clock& clock,
                      const std::vector<NextHop>& targets,
                      const std::string& destination) {
  Json answer = Json::MakeObject();
  const auto failed = [&answer](const Error& error) {
    return answer.Set("error", error.ToString()).Dump();
  };
  const Result<Domain> helo = HeloName(settings);
  if (!helo) return failed(helo.error());
  const Result<std::unique_ptr<AssembledGate>> network =
      AssembledGate::Make(settings, clock);
  if (!network) return failed(network.error());
  Json walks = Json::MakeArray();
  for (const NextHop& target : targets) {
    ProbeWalkOptions options;
    options.helo = helo->str();
    options.trust_directory = settings.trust_directory;
    options.wrapper = target.port().value == 465;
    options.without_sni = false;
    options.tlsa = true;
    options.each = settings.timeouts.probe;
    walks.Add(ProbeWalk((*network)->resolver(), (*network)->tls(), target,
                        options, clock.Now()));
  }
  answer.Set("walks", std::move(walks));

  // Keys that were proven on earlier connections, by something else than a pin.
  Json proven = Json::MakeArray();
  if (const auto reader = StateReader::Open(settings.state_store)) {
    ObservationQuery query;
    query.destination = destination;
    if (const auto seen = (*reader)->Observations(query)) {
      for (const Observation& row : *seen) {
        if (row.authenticated_by.find("webpki") != std::string::npos) {
          proven.Add(ToHex(row.spki_sha256));
        }
      }
    }
  }
  return answer.Set("proven", std::move(proven)).Dump();
}

// What vouches for the leaf of one look.
void Vouch(const Json& host, const Json& look, const NextHop& target,
           const Json& proven, LiveKey& key) {
  const Json& leaf = key.certificate;
  const std::string name(host["host"].text());
  if (const bool* trusted = look["trust"]["trusted"].boolean();
      trusted && *trusted) {
    // A name from unsigned DNS proves only that somebody has that name.
    const bool signed_host = host["mx_security"].text() == "secure";
    const Domain* domain = target.domain();
    if (signed_host && Carries(leaf, name)) {
      key.vouchers.insert("a trusted authority names " + name);
    } else if (domain != nullptr && (Carries(leaf, domain->str()) ||
                                     Carries(leaf, "." + domain->str()))) {
      key.vouchers.insert("a trusted authority names it for " + domain->str());
    }
  }
  for (const Json& digest : proven.items()) {
    if (!digest.text().empty() && digest.text() == leaf["spki_sha256"].text()) {
      key.vouchers.insert("it was proven by a trusted authority before");
    }
  }
  if (host["tlsa"]["security"].text() == "secure") {
    const std::string record =
        "3 1 1 " + std::string(leaf["spki_sha256"].text());
    for (const Json& published : host["tlsa"]["records"].items()) {
      if (published.text() == record) {
        key.vouchers.insert("a signed TLSA record of " + name + " names it");
      }
    }
  }
}

// The different keys that the walks have found.
Result<std::vector<LiveKey>> Collect(const Json& answer,
                                     const std::vector<NextHop>& targets,
                                     const Pin& blank,
                                     std::vector<std::string>& failures) {
  std::map<std::string, LiveKey> keys;
  const Json::Array& walks = answer["walks"].items();
  for (std::size_t i = 0; i < walks.size() && i < targets.size(); ++i) {
    for (const Json& host : walks[i]["hosts"].items()) {
      for (const Json& address : host["addresses"].items()) {
        const Json& look = address["with_sni"];
        const std::string where = std::string(host["host"].text()) + " " +
                                  std::string(address["address"].text());
        const Json::Array& chain = look["chain"].items();
        if (chain.empty()) {
          failures.push_back(where + ": " +
                             std::string(look["error"]["reason"].text()));
          continue;
        }
        Pin pin = blank;
        const Status taken = TakeDigest(pin, chain.front());
        if (!taken) return taken.error();
        LiveKey& key = keys[pin.digest];
        key.pin = pin;
        key.certificate = chain.front();
        key.seen_at.push_back(where);
        Vouch(host, look, targets[i], answer["proven"], key);
      }
      if (!host["error"].is_null()) {
        failures.push_back(std::string(host["host"].text()) + ": " +
                           std::string(host["error"]["reason"].text()));
      }
    }
  }
  std::vector<LiveKey> list;
  for (auto& [digest, key] : keys) list.push_back(std::move(key));
  return list;
}

void ShowKeys(Context& context, const std::vector<LiveKey>& keys) {
  Output& out = context.out;
  Json list = Json::MakeArray();
  for (const LiveKey& key : keys) {
    Json vouchers = Json::MakeArray();
    Json seen = Json::MakeArray();
    std::string where;
    for (const std::string& place : key.seen_at) {
      where += (where.empty() ? "" : ", ") + place;
      seen.Add(place);
    }
    out.Line(out.Paint(Colour::kBold, Clean(where)));
    ShowCertificate(out, key.certificate, context.clock.Now());
    for (const std::string& voucher : key.vouchers) {
      vouchers.Add(voucher);
      out.Line("  " + out.Paint(Colour::kGood, "vouched for: ") +
               Clean(voucher));
    }
    if (key.vouchers.empty()) {
      out.Line("  " +
               out.Paint(Colour::kWarning, "nothing vouches for this key"));
    }
    list.Add(Json::MakeObject()
                 .Set("pin", ToJson(key.pin))
                 .Set("certificate", key.certificate)
                 .Set("seen_at", std::move(seen))
                 .Set("vouched_for_by", std::move(vouchers)));
  }
  out.doc().Set("keys_seen", std::move(list));
}

}  // namespace

ExitStatus AddLivePins(Context& context, const Pin& blank) {
  Output& out = context.out;
  const bool yes = context.args.Has("yes");
  const bool dry = context.args.Has("dry-run");
  if (blank.kind == PinKind::kCa) {
    return out.Usage(
        "--from-live takes the server's own key; an authority's "
        "certificate comes from its owner: --from-file");
  }
  if (!yes && !dry && !out.CanAsk()) {
    return out.Usage(
        "--from-live asks, and there is no terminal to ask on: "
        "look with --dry-run, compare the digest with its owner, "
        "and give it with --digest");
  }
  const Result<PolicyKey> key = PolicyKey::Parse(blank.key);
  if (!key) return out.Usage(key.error().detail());
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<NextHop>> targets =
      Targets(**store, *key, context.clock.Now());
  if (!targets) return Refuse(out, targets.error());

  const Result<std::string> text = RunUnprivileged(context.settings.user, [&] {
    return LookThere(context.settings, context.clock, *targets, key->str());
  });
  if (!text) return out.CouldNot(text.error());
  const Result<Json> answer = Json::Parse(*text);
  if (!answer) return out.CouldNot(answer.error());
  if (!(*answer)["error"].is_null()) {
    return out.CouldNot(
        Error(Reason::kInternal, std::string((*answer)["error"].text())), "");
  }
  std::vector<std::string> failures;
  const Result<std::vector<LiveKey>> keys =
      Collect(*answer, *targets, blank, failures);
  if (!keys) return out.CouldNot(keys.error());
  ShowKeys(context, *keys);
  for (const std::string& failure : failures) {
    out.Warn("no key seen at " + failure);
  }
  if (keys->empty()) {
    return out.CouldNot(Error(Reason::kCertificateMissing,
                              "no server of " + blank.key + " showed a key"),
                        "'pin-admin probe " + blank.key + "' says more");
  }
  const bool vouched =
      std::none_of(keys->begin(), keys->end(),
                   [](const LiveKey& k) { return k.vouchers.empty(); });
  if (yes && !vouched) {
    return out.No(
        "--yes is not enough: nothing vouches for what the server "
        "showed. Compare the digest with its owner over another "
        "channel, then give it with --digest");
  }
  std::vector<Change> changes;
  for (const LiveKey& live : *keys) changes.emplace_back(AddPin{live.pin});
  return CommitChanges(context, **store, changes, [&] {
    return yes || out.Confirm(
                      "Have you compared the digest with the server's "
                      "owner over another channel, and pin it?");
  });
}

}  // namespace postern
