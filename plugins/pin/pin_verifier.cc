#include "plugins/pin/pin_verifier.h"

#include <algorithm>
#include <optional>

#include "core/x509/path_validator.h"

namespace postern {
namespace {

constexpr const char* kCompareHint =
    "compare the new key with its owner over another channel; only if it is "
    "theirs, 'pin-admin pin add' it";
constexpr const char* kPromoteHint =
    "the server has gone over to its backup key: if its owner confirms it, "
    "'pin-admin pin promote' the backup and pin the next one";

std::string Shown(const Pin& pin) {
  std::string text(ToString(pin.kind));
  text += ' ';
  text += ToString(pin.algorithm);
  text += ' ' + ToHex(pin.digest);
  if (!pin.label.empty()) text += ", pin '" + pin.label + "'";
  if (pin.role == PinRole::kBackup) text += " (backup)";
  return text;
}

// A digest that can't be made matches nothing.
bool HasDigest(const Result<std::string>& digest, const Pin& pin) {
  return digest.ok() && digest->size() == DigestLength(pin.algorithm) &&
         *digest == pin.digest;
}

bool Matches(const Pin& pin, const Certificate& certificate) {
  const bool key = pin.kind != PinKind::kCert;
  const bool whole = pin.kind != PinKind::kSpki;
  return (key && HasDigest(certificate.SpkiDigest(pin.algorithm), pin)) ||
         (whole && HasDigest(certificate.Fingerprint(pin.algorithm), pin));
}

// The certificates that a `ca` pin stands for: the one it keeps, else those of
// the handshake that have its digest. Not the leaf: that is what leaf pins are
// for.
void AddAnchors(const Pin& pin, const std::vector<Certificate>& chain,
                std::vector<Certificate>* anchors) {
  if (!pin.certificate.empty()) {
    auto kept = Certificate::Parse(
        DerCertificate(pin.certificate.begin(), pin.certificate.end()));
    if (kept && Matches(pin, *kept)) anchors->push_back(*std::move(kept));
    return;
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (Matches(pin, chain[i])) anchors->push_back(chain[i]);
  }
}

Finding Matched(const Pin& pin, std::string detail) {
  Finding finding = Finding::Satisfied(std::move(detail));
  if (pin.role != PinRole::kBackup) return finding;
  return std::move(finding).Noteworthy().WithHint(kPromoteHint);
}

// True for reasons that say "this path does not lead to the pin" and not "it
// does, but".
bool IsNoPath(Reason reason) {
  return reason == Reason::kCertificateNotTrusted ||
         reason == Reason::kCertificateChainIncomplete;
}

}  // namespace

PinVerifier::Term PinVerifier::TermOf(const Pin& pin, TimePoint now) {
  if (pin.valid_from && now < *pin.valid_from) return Term::kNotYet;
  if (pin.valid_until && now > *pin.valid_until) return Term::kExpired;
  return Term::kValid;
}

std::string PinVerifier::Describe() const {
  std::string text;
  bool authorities = false;
  for (const Pin& pin : pins_) {
    if (!text.empty()) text += " or ";
    text += Shown(pin);
    if (pin.valid_from) text += " from " + FormatTime(*pin.valid_from);
    if (pin.valid_until) text += " until " + FormatTime(*pin.valid_until);
    authorities = authorities || pin.kind == PinKind::kCa;
  }
  if (!authorities) return text.empty() ? "no pin" : text;
  text += "; below a ca pin, named " + ToString(ca_.names);
  if (ca_.ptr) text += " or the PTR name, as CN";
  text += ca_.names.common_name == CommonNameUse::kAlways      ? ", cn=always"
          : ca_.names.common_name == CommonNameUse::kNoDnsName ? ", cn=no-san"
                                                               : ", cn=never";
  if (ca_.crls) text += ", not revoked (" + ca_.crls->fingerprint() + ")";
  return text;
}

Finding PinVerifier::Check(const TlsEvidence& evidence, TimePoint now) const {
  if (!evidence.has_certificate()) {
    return Finding::Violated(Reason::kCertificateMissing,
                             "no certificate was presented");
  }
  if (pins_.empty())
    return Finding::Violated(Reason::kPinMissing, "there is no pin");
  const auto& leaf = evidence.certificates().Leaf();
  if (!leaf) return ToFinding(leaf.error());
  Finding by_leaf = CheckLeaf(*leaf, now);
  if (by_leaf.satisfied()) return by_leaf;
  const bool authorities =
      std::any_of(pins_.begin(), pins_.end(),
                  [](const Pin& pin) { return pin.kind == PinKind::kCa; });
  if (!authorities) return by_leaf;
  Finding by_authority = CheckAuthorities(evidence, now);
  // A leaf pin out of its time says more than a path that failed.
  const bool leaf_out_of_time = by_leaf.reason() != Reason::kPinMismatch;
  return by_authority.satisfied() || !leaf_out_of_time ? by_authority : by_leaf;
}

Finding PinVerifier::CheckLeaf(const Certificate& leaf, TimePoint now) const {
  const Pin* out_of_time = nullptr;
  const Pin* backup = nullptr;
  for (const Pin& pin : pins_) {
    if (pin.kind == PinKind::kCa || !Matches(pin, leaf)) continue;
    const Term term = TermOf(pin, now);
    if (term == Term::kValid) {
      if (pin.role == PinRole::kActive) return Matched(pin, Shown(pin));
      if (backup == nullptr) backup = &pin;
    } else if (out_of_time == nullptr || term == Term::kExpired) {
      out_of_time = &pin;
    }
  }
  if (backup != nullptr) return Matched(*backup, Shown(*backup));
  if (out_of_time != nullptr) {
    const bool expired = TermOf(*out_of_time, now) == Term::kExpired;
    return Finding::Violated(
        expired ? Reason::kPinExpired : Reason::kPinNotYetValid,
        Shown(*out_of_time) +
            (expired ? " until " + FormatTime(*out_of_time->valid_until)
                     : " from " + FormatTime(*out_of_time->valid_from)));
  }
  const auto key = leaf.SpkiDigest(DigestAlgorithm::kSha256);
  if (!key) return Finding::Undecided(key.error());
  return Finding::Violated(Reason::kPinMismatch,
                           "the server's key is spki sha256 " + ToHex(*key))
      .WithHint(kCompareHint);
}

Finding PinVerifier::CheckAuthorities(const TlsEvidence& evidence,
                                      TimePoint now) const {
  const auto& chain = evidence.certificates().Certificates();
  if (!chain) return ToFinding(chain.error());
  // Pins of today first; the others only tell why a pin does not help.
  std::optional<Finding> first;
  for (const Term term : {Term::kValid, Term::kExpired, Term::kNotYet}) {
    std::vector<const Pin*> pins;
    for (const Pin& pin : pins_) {
      if (pin.kind == PinKind::kCa && TermOf(pin, now) == term)
        pins.push_back(&pin);
    }
    if (pins.empty()) continue;
    Finding finding = CheckPathTo(pins, term, *chain, evidence, now);
    if (finding.satisfied() || finding.reason() != Reason::kPinMismatch)
      return finding;
    if (!first) first = std::move(finding);
  }
  return *std::move(first);
}

Finding PinVerifier::CheckPathTo(const std::vector<const Pin*>& pins, Term term,
                                 const std::vector<Certificate>& chain,
                                 const TlsEvidence& evidence,
                                 TimePoint now) const {
  std::vector<Certificate> anchors;
  for (const Pin* pin : pins) AddAnchors(*pin, chain, &anchors);
  if (anchors.empty()) {
    return Finding::Violated(Reason::kPinMismatch,
                             "no authority in the handshake matches a ca pin")
        .WithHint(kCompareHint);
  }
  const auto trust = TrustStore::FromAnchors(std::move(anchors));
  if (!trust) return Finding::Undecided(trust.error());
  AcceptedNames names = ca_.names;
  if (ca_.ptr) names.confirmed_ptr = evidence.confirmed_ptr;

  PathRequest request;
  request.chain = chain;
  request.trust = trust->get();
  request.crls = ca_.crls.get();
  request.names = &names;
  request.at = now;
  request.known = evidence.certificates().signature_facts();
  const PathResult result = ValidatePath(request);
  if (!result.accepted()) {
    Finding finding = ToFinding(result);
    if (!IsNoPath(finding.reason())) return finding;
    return Finding::Violated(
               Reason::kPinMismatch,
               "no verified path to a ca pin: " + finding.detail())
        .WithHint(kCompareHint);
  }
  const Pin* best = nullptr;
  for (const Pin* pin : pins) {
    if (!Matches(*pin, result.path.back())) continue;
    if (best == nullptr || pin->role == PinRole::kActive) best = pin;
  }
  if (best == nullptr) {
    return Finding::Undecided(Error(Reason::kInternal, "a path to no pin"));
  }
  const std::string detail = Shown(*best) + ", " + result.name.detail;
  if (term == Term::kExpired)
    return Finding::Violated(Reason::kPinExpired, detail);
  if (term == Term::kNotYet)
    return Finding::Violated(Reason::kPinNotYetValid, detail);
  Finding finding = Matched(*best, detail);
  return result.name.weak ? std::move(finding).Noteworthy() : finding;
}

}  // namespace postern
