#include "pin-admin/probe_meaning.h"

#include <set>

#include "core/names/reference_identity.h"
#include "pin-admin/certificate_facts.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

using Weight = Remark::Weight;
using std::chrono::hours;

constexpr hours kSoon{14 * 24};

// The leaf that a look saw, or null.
const Json& Leaf(const Json& look) {
  static const Json none;
  const Json::Array& chain = look["chain"].items();
  return chain.empty() ? none : chain.front();
}

std::string List(const Json& names) {
  std::string text;
  for (const Json& name : names.items()) {
    text += (text.empty() ? "" : ", ") + std::string(name.text());
  }
  return text.empty() ? "no names" : text;
}

void JudgeMx(const Json& walk, const NextHop& target,
             std::vector<Remark>& remarks) {
  const Json& mx = walk["mx"];
  if (mx.is_null()) return;
  const std::string domain = target.str();
  if (mx["presence"].text() == "failed") {
    remarks.push_back({Weight::kUnknown, "mx-unknown",
                       "the MX records could not be found out: " +
                           std::string(mx["why"].text())});
    return;
  }
  if (mx["presence"].text() == "no-domain") {
    remarks.push_back({Weight::kNo, "no-domain", domain + " does not exist"});
    return;
  }
  if (const bool* null_mx = mx["null_mx"].boolean(); null_mx && *null_mx) {
    remarks.push_back({Weight::kNo, "null-mx",
                       domain + " takes no mail (null MX, RFC 7505)"});
    return;
  }
  if (mx["security"].text() == "secure") {
    remarks.push_back({Weight::kGood, "mx-secure",
                       "the MX answer is signed: its host names can be "
                       "believed"});
    return;
  }
  remarks.push_back(
      {Weight::kNote, "mx-insecure",
       "the MX answer is not signed: whoever forges DNS chooses the host. "
       "'secure' compares the certificate with " +
           domain +
           "; 'verify' compares it with the MX host, which is weak here unless "
           "mx= names the hosts"});
}

void JudgeCertificate(const std::string& where, const Json& look, TimePoint now,
                      std::vector<Remark>& remarks) {
  const Json& leaf = Leaf(look);
  const TimePoint end = NotAfter(leaf);
  if (end < now) {
    remarks.push_back(
        {Weight::kNo, "certificate-expired",
         where + "the certificate expired " + Relative(end, now)});
  } else if (end < now + kSoon) {
    remarks.push_back(
        {Weight::kWarning, "certificate-expires",
         where + "the certificate expires " + Relative(end, now)});
  }
  const Json& trust = look["trust"];
  if (const bool* trusted = trust["trusted"].boolean()) {
    if (*trusted) {
      remarks.push_back({Weight::kGood, "trusted",
                         where + "the chain leads to an authority that is "
                                 "trusted here"});
    } else {
      remarks.push_back({Weight::kWarning, "not-trusted",
                         where +
                             "verify, secure and hosted would refuse the "
                             "chain: " +
                             std::string(trust["reason"].text()) + ", " +
                             std::string(trust["sentence"].text()) +
                             ". A fingerprint line works: compare the key with "
                             "its owner over another channel first"});
    }
  }
}

void JudgeLook(const std::string& where, const Json& address, TimePoint now,
               std::vector<Remark>& remarks) {
  const Json& look = address["with_sni"];
  if (!look["error"].is_null()) {
    const Json& error = look["error"];
    const std::string reason(error["reason"].text());
    const bool network = reason.starts_with("connection-");
    std::string text =
        where + reason + ": " + std::string(error["sentence"].text());
    if (!error["reply"].is_null()) {
      text += " (" + std::string(error["reply"].text()) + ")";
    }
    remarks.push_back(
        {network ? Weight::kUnknown : Weight::kNo, reason, std::move(text)});
    return;
  }
  JudgeCertificate(where, look, now, remarks);
  const Json& without = address["without_sni"];
  if (const bool* same = address["same_certificate"].boolean();
      same && !*same) {
    remarks.push_back(
        {Weight::kNote, "depends-on-sni",
         where + "the certificate depends on SNI: with " +
             std::string(look["server_name"].text()) + " it names " +
             List(Leaf(look)["names"]) + ", without it " +
             List(Leaf(without)["names"]) +
             ". Postern sends SNI; a sender that doesn't, sees the other one"});
  } else if (!without.is_null() && !without["error"].is_null()) {
    remarks.push_back({Weight::kNote, "needs-sni",
                       where + "without SNI there is no handshake"});
  }
}

void JudgeTlsa(const std::string& where, const Json& host,
               std::vector<Remark>& remarks) {
  const Json& tlsa = host["tlsa"];
  const std::string_view presence = tlsa["presence"].text();
  if (presence == "failed") {
    remarks.push_back({Weight::kWarning, "tlsa-unknown",
                       where +
                           "TLSA could not be found out: senders that use "
                           "DANE skip this host (" +
                           std::string(tlsa["why"].text()) + ")"});
  }
  if (presence != "found") return;
  if (tlsa["security"].text() != "secure") {
    remarks.push_back({Weight::kNote, "tlsa-insecure",
                       where + "there are TLSA records, but they are not "
                               "signed: they have no effect"});
    return;
  }
  for (const Json& address : host["addresses"].items()) {
    const Json& verdict = address["tlsa"];
    const std::string_view result = verdict["result"].text();
    const std::string why(verdict["reason"].text());
    if (result == "accept") {
      remarks.push_back({Weight::kGood, "tlsa-matches",
                         where + "senders that use DANE accept it: " + why});
    } else if (result == "reject") {
      remarks.push_back(
          {Weight::kNo, "tlsa-mismatch",
           where + "senders that use DANE send nothing here: " + why});
    }
  }
}

}  // namespace

bool Carries(const Json& certificate, const std::string& reference) {
  const Result<ReferenceIdentity> identity =
      ReferenceIdentity::Parse(reference);
  if (!identity) return false;
  for (const Json& name : certificate["names"].items()) {
    if (identity->Matches(name.text())) return true;
  }
  return false;
}

std::vector<Remark> MeaningOf(const Json& walk, const NextHop& target,
                              TimePoint now) {
  std::vector<Remark> remarks;
  JudgeMx(walk, target, remarks);
  if (!walk["trust_error"].is_null()) {
    remarks.push_back(
        {Weight::kWarning, "trust-store-unavailable",
         "chains are not judged: " + std::string(walk["trust_error"].text())});
  }
  for (const Json& host : walk["hosts"].items()) {
    const std::string name(host["host"].text());
    if (!host["error"].is_null()) {
      remarks.push_back(
          {Weight::kUnknown, std::string(host["error"]["reason"].text()),
           name + ": " + std::string(host["error"]["sentence"].text())});
    }
    for (const Json& address : host["addresses"].items()) {
      JudgeLook(name + " " + std::string(address["address"].text()) + ": ",
                address, now, remarks);
    }
    JudgeTlsa(name + ": ", host, remarks);
  }
  return remarks;
}

Json NamesToCarry(const Json& walk, const NextHop& target) {
  Json list = Json::MakeArray();
  std::set<std::string> told;
  for (const Json& host : walk["hosts"].items()) {
    const std::string name(host["host"].text());
    const auto add = [&](const std::string& wanted, std::string_view reference,
                         const char* who) {
      Json carried;
      for (const Json& address : host["addresses"].items()) {
        const Json& leaf = Leaf(address["with_sni"]);
        if (leaf.is_null()) continue;
        const bool has =
            Carries(leaf, wanted) ||
            (!reference.empty() && Carries(leaf, std::string(reference)));
        carried = (carried.is_null() || *carried.boolean()) && has;
      }
      if (!told.insert(name + " " + wanted).second) return;
      list.Add(Json::MakeObject()
                   .Set("host", name)
                   .Set("name", wanted)
                   .Set("for", who)
                   .Set("carried", std::move(carried)));
    };
    if (!name.starts_with('[')) {
      add(name, "", "senders that compare the MX host (verify, MTA-STS, DANE)");
    }
    if (const Domain* domain = target.domain();
        domain && domain->str() != name) {
      add(domain->str(), "." + domain->str(),
          "senders that compare the domain or a name below it (secure)");
    }
  }
  return list;
}

}  // namespace postern
