// pin-admin/pin_upgrade.cc
//
// pin upgrade: a SHA-1 or MD5 pin is replaced by the SHA-256 pin of the key
// that the server shows, where the certificate that it shows matches the old
// digest. The old comparison vouches for the new pin; nothing else is taken.
#include <algorithm>
#include <array>

#include "core/names/next_hop.h"
#include "core/x509/certificate.h"
#include "pin-admin/certificate_facts.h"
#include "pin-admin/command.h"
#include "pin-admin/inquiry.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/privileges.h"
#include "pin-admin/store_access.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

// The weak pins of one key, and where its servers are asked for.
struct Candidate {
  PolicyKey key = PolicyKey::Default();
  std::string destination, next_hop;
  std::vector<Pin> pins;
};

bool IsUpgradable(const Pin& pin) {
  return IsWeak(pin.algorithm) && pin.kind != PinKind::kCa;
}

bool Holds(const std::vector<Pin>& pins, const PinId& id) {
  return std::any_of(pins.begin(), pins.end(),
                     [&id](const Pin& pin) { return IdOf(pin) == id; });
}

Result<Candidate> CandidateOf(const PolicyRow& row) {
  Candidate candidate;
  candidate.key = row.key;
  candidate.destination = row.key.str();
  if (row.key.kind() != PolicyKey::Kind::kNextHop) return candidate;
  const Result<NextHop> hop = NextHop::Parse(row.key.str());
  if (!hop) return hop.error();
  candidate.next_hop = row.key.str();
  candidate.destination = ToString(hop->host());
  return candidate;
}

// What is to be looked at; says of the rest why not.
Result<std::vector<Candidate>> Candidates(Context& context, AuthorStore& store,
                                          const std::string& wanted) {
  const Result<std::vector<Pin>> unused = store.UnusedPins(context.clock.Now());
  if (!unused) return unused.error();
  std::vector<Candidate> candidates;
  const Status read = store.ForEachRow([&](const PolicyRow& row) -> Status {
    if (!wanted.empty() && row.key.str() != wanted) return {};
    Result<Candidate> candidate = CandidateOf(row);
    if (!candidate) return candidate.error();
    for (const Pin& pin : row.pins) {
      if (!IsWeak(pin.algorithm)) continue;
      const std::string name = pin.key + ", " + Describe(pin);
      if (!IsUpgradable(pin)) {
        context.out.Warn(name +
                         ": an authority's pin is replaced by hand: "
                         "'pin-admin pin add --kind ca --from-file'");
      } else if (Holds(*unused, IdOf(pin))) {
        context.out.Warn(name +
                         ": no line uses it, 'pin-admin pin remove' "
                         "takes it away");
      } else if (row.key.kind() == PolicyKey::Kind::kParent) {
        context.out.Warn(name + ": '" + row.key.str() +
                         "' has no servers of its own to look at; pin the key "
                         "of a domain below it");
      } else {
        candidate->pins.push_back(pin);
      }
    }
    if (!candidate->pins.empty()) candidates.push_back(*std::move(candidate));
    return {};
  });
  if (!read) return read.error();
  return candidates;
}

bool HasDigest(const Pin& pin, const Result<std::string>& digest) {
  return digest.ok() && *digest == pin.digest;
}

bool Matches(const Pin& pin, const Certificate& leaf) {
  const bool key = pin.kind != PinKind::kCert;
  const bool whole = pin.kind != PinKind::kSpki;
  return (key && HasDigest(pin, leaf.SpkiDigest(pin.algorithm))) ||
         (whole && HasDigest(pin, leaf.Fingerprint(pin.algorithm)));
}

// {"host", "matches": [positions in `pins`], "certificate"} of one connection;
// "certificate" only where a pin matches.
Json LookAtLeaf(const Json& connection, const std::vector<Pin>& pins) {
  Json look = Json::MakeObject();
  look.Set("where", std::string(connection["host"].text()) + " " +
                        std::string(connection["address"].text()));
  const Json::Array& chain = connection["chain"].items();
  if (chain.empty()) {
    return look.Set("why", connection["verdict"]["reason"]);
  }
  const std::optional<std::string> octets = FromBase64(chain.front().text());
  const Result<Certificate> leaf =
      octets
          ? Certificate::Parse(DerCertificate(octets->begin(), octets->end()))
          : Result<Certificate>(
                Error(Reason::kCertificateMalformed, "not base64"));
  if (!leaf) return look.Set("why", leaf.error().ToString());
  Json matches = Json::MakeArray();
  for (std::size_t i = 0; i < pins.size(); ++i) {
    if (Matches(pins[i], *leaf)) matches.Add(static_cast<std::uint64_t>(i));
  }
  if (matches.size() > 0) look.Set("certificate", ToJson(*leaf));
  return look.Set("matches", std::move(matches));
}

// Runs in the child, which has no privileges: one answer for each candidate.
std::string LookAtAll(const Settings& settings, const Clock& clock,
                      const std::vector<Candidate>& candidates) {
  Inquiry inquiry(settings, clock, AskWhom::kServiceFirst);
  Json answers = Json::MakeArray();
  for (const Candidate& candidate : candidates) {
    Json answer = Json::MakeObject();
    const Result<Json> probe =
        inquiry.Probe(candidate.destination, candidate.next_hop);
    if (!probe) {
      answers.Add(answer.Set("error", probe.error().ToString()));
      continue;
    }
    // Nobody could be asked: the plan itself says why.
    if (const Json& verdict = (*probe)["verdict"]; !verdict.is_null()) {
      answer.Set("error", std::string(verdict["reason"].text()) + ": " +
                              std::string(verdict["sentence"].text()));
    }
    Json looks = Json::MakeArray();
    for (const Json& connection : (*probe)["connections"].items()) {
      looks.Add(LookAtLeaf(connection, candidate.pins));
    }
    answers.Add(answer.Set("looks", std::move(looks)));
  }
  return answers.Dump();
}

// What becomes of all weak pins.
struct Upgrade {
  std::vector<Change> changes;
  Json upgraded = Json::MakeArray();
  Json kept = Json::MakeArray();
  bool unreachable = false;
  bool mismatched = false;
};

// The changes for one key. A pin that several certificates match (one digest
// can't, but one pin of a key can) becomes one pin for each key.
void Decide(Context& context, const Candidate& candidate, const Json& answer,
            const std::vector<Pin>& present, Upgrade& outcome) {
  Output& out = context.out;
  std::vector<Pin> added;
  const Json::Array& looks = answer["looks"].items();
  const bool seen = std::any_of(looks.begin(), looks.end(), [](const Json& l) {
    return l["matches"].array() != nullptr;
  });
  for (std::size_t i = 0; i < candidate.pins.size(); ++i) {
    const Pin& old = candidate.pins[i];
    bool matched = false;
    for (const Json& look : looks) {
      const Json::Array& matches = look["matches"].items();
      const bool mine =
          std::any_of(matches.begin(), matches.end(), [i](const Json& index) {
            return index.integer() != nullptr &&
                   *index.integer() == static_cast<std::int64_t>(i);
          });
      if (!mine) continue;
      Pin pin = old;
      pin.kind = PinKind::kSpki;
      pin.algorithm = DigestAlgorithm::kSha256;
      pin.added_by.clear();
      pin.added_at = {};
      if (const Status taken = TakeDigest(pin, look["certificate"]); !taken) {
        continue;
      }
      if (!matched) {
        out.Line(out.Paint(
            Colour::kBold,
            Clean(old.key + ", " + std::string(look["where"].text()))));
        ShowCertificate(out, look["certificate"], context.clock.Now());
        out.Line("  matches    " + Clean(Describe(old)));
      }
      matched = true;
      if (Holds(present, IdOf(pin)) || Holds(added, IdOf(pin))) continue;
      added.push_back(pin);
      outcome.upgraded.Add(Json::MakeObject()
                               .Set("old", ToJson(old))
                               .Set("new", ToJson(pin))
                               .Set("seen_at", look["where"].text()));
    }
    if (matched) {
      outcome.changes.emplace_back(RemovePin{IdOf(old)});
      continue;
    }
    std::string why =
        "no server shows a certificate that it matches: if the "
        "key has changed, compare the new one with its owner and "
        "add it with 'pin-admin pin add'";
    if (!seen) {
      why = "no server showed a certificate";
      if (!answer["error"].is_null()) {
        why += " (" + std::string(answer["error"].text()) + ")";
      } else if (!looks.empty()) {
        why += " (" + std::string(looks.front()["where"].text()) + ": " +
               std::string(looks.front()["why"].text()) + ")";
      }
    }
    (seen ? outcome.mismatched : outcome.unreachable) = true;
    out.Warn(old.key + ", " + Describe(old) + " stays: " + why);
    outcome.kept.Add(
        Json::MakeObject().Set("pin", ToJson(old)).Set("why", why));
  }
  for (const Pin& pin : added) outcome.changes.emplace_back(AddPin{pin});
}

Result<std::string> WantedKey(const Context& context) {
  const std::string text = context.args.Argument(0);
  if (text.empty() != context.args.Has("all")) {
    return Error(Reason::kRequestInvalid,
                 "whose pins? Name a key, or say --all");
  }
  if (text.empty()) return std::string();
  const Result<PolicyKey> key = PolicyKey::Parse(text);
  if (!key) return Error(Reason::kRequestInvalid, key.error().detail());
  return key->str();
}

Result<Upgrade> LookAndDecide(Context& context, AuthorStore& store,
                              const std::vector<Candidate>& candidates) {
  const Result<std::string> text = RunUnprivileged(context.settings.user, [&] {
    return LookAtAll(context.settings, context.clock, candidates);
  });
  if (!text) return text.error();
  const Result<Json> answers = Json::Parse(*text);
  if (!answers) return answers.error();
  if (answers->size() != candidates.size()) {
    return Error(Reason::kInternal, "the look at the servers is incomplete");
  }
  Upgrade outcome;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Result<std::optional<PolicyRow>> row = store.Find(candidates[i].key);
    if (!row) return row.error();
    const std::vector<Pin> present =
        row->has_value() ? (*row)->pins : std::vector<Pin>();
    Decide(context, candidates[i], answers->items()[i], present, outcome);
  }
  return outcome;
}

ExitStatus RunUpgrade(Context& context) {
  Output& out = context.out;
  const Result<std::string> wanted = WantedKey(context);
  if (!wanted) return out.Usage(wanted.error().detail());
  const bool yes = context.args.Has("yes");
  if (!yes && !context.args.Has("dry-run") && !out.CanAsk()) {
    return out.Usage(
        "there is no terminal to ask on: look at it with --dry-run, "
        "then say --yes");
  }
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<Candidate>> candidates =
      Candidates(context, **store, *wanted);
  if (!candidates) return out.CouldNot(candidates.error());
  if (candidates->empty()) {
    out.doc().Set("upgraded", Json::MakeArray());
    out.doc().Set("kept", Json::MakeArray());
    out.Line("There is no SHA-1 or MD5 pin to replace" +
             (wanted->empty() ? "." : " for " + *wanted + "."));
    return ExitStatus::kGood;
  }
  Result<Upgrade> outcome = LookAndDecide(context, **store, *candidates);
  if (!outcome) return out.CouldNot(outcome.error());
  out.doc().Set("upgraded", std::move(outcome->upgraded));
  out.doc().Set("kept", std::move(outcome->kept));
  if (outcome->changes.empty()) {
    if (outcome->unreachable) {
      return out.CouldNot(Error(Reason::kCertificateMissing,
                                "no pin could be compared with its server"),
                          "'pin-admin probe' says more");
    }
    return out.No("no server matches its old pin: nothing was replaced");
  }
  return CommitChanges(context, **store, outcome->changes,
                       [&] { return yes || out.Confirm("Replace them?"); });
}

}  // namespace

std::vector<Command> UpgradeCommands() {
  return {
      {{"pin upgrade",
        "replace SHA-1 and MD5 pins",
        "Connects to the servers, and where the certificate that one shows "
        "matches the old digest, pins its key by SHA-256 in that digest's "
        "place, with the same role, label and times. Every other pin stays as "
        "it is, with the reason.",
        {{"KEY", "a domain or [host]:port", true}},
        {{"all", 'a', "", "all keys that have such pins"},
         YesOption("do not ask"),
         DryRunOption()},
        "pin-admin pin upgrade bank.example --dry-run\n"
        "pin-admin pin upgrade --all"},
       RunUpgrade},
  };
}

}  // namespace postern
