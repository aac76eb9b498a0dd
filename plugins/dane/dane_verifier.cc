#include "plugins/dane/dane_verifier.h"

#include <algorithm>
#include <utility>

#include "core/verify/published_text.h"
#include "core/x509/path_validator.h"

namespace postern {
namespace {

std::string_view AsText(const DerCertificate& der) {
  return {reinterpret_cast<const char*>(der.data()), der.size()};
}

// A digest that can't be made matches nothing.
bool Matches(const TlsaRecord& record, const Certificate& certificate) {
  const bool whole = record.selector == kCert;
  if (record.matching == kFull) {
    return record.data ==
           (whole ? AsText(certificate.der()) : certificate.spki());
  }
  const auto algorithm = DigestOfMatching(record.matching);
  if (!algorithm) return false;
  const auto digest = whole ? certificate.Fingerprint(*algorithm)
                            : certificate.SpkiDigest(*algorithm);
  return digest.ok() && *digest == record.data;
}

// True for reasons that say "this path leads to no record" and not "it does,
// but".
bool IsNoPath(Reason reason) {
  return reason == Reason::kCertificateNotTrusted ||
         reason == Reason::kCertificateChainIncomplete;
}

}  // namespace

DaneVerifier::DaneVerifier(DaneRequirement requirement)
    : requirement_(std::move(requirement)) {
  names_.references = requirement_.names;
  names_.common_name = CommonNameUse::kNoDnsName;
  for (const TlsaRecord& record : requirement_.records) {
    if (record.usage != kDaneTa) continue;
    authorities_ = true;
    if (record.matching != kFull) continue;
    // One that doesn't parse is not usable, and names nobody.
    if (record.selector == kSpki) {
      auto key = PublicKey::Parse(record.data);
      if (key) keys_.push_back(*std::move(key));
    } else {
      auto certificate = Certificate::Parse(
          DerCertificate(record.data.begin(), record.data.end()));
      if (certificate) kept_.push_back(*std::move(certificate));
    }
  }
}

std::string DaneVerifier::Describe() const {
  std::vector<std::string> records;
  for (const TlsaRecord& record : requirement_.records) {
    records.push_back(ShortPresentation(record));
  }
  std::string text = "TLSA";
  bool first = true;
  for (const std::string& record : BoundedText(std::move(records))) {
    text += std::exchange(first, false) ? " " : " or ";
    text += record;
  }
  text += " at " + requirement_.owner;
  if (authorities_) text += "; below usage 2, named " + ToString(names_);
  return text;
}

Finding DaneVerifier::Check(const TlsEvidence& evidence, TimePoint now) const {
  if (!evidence.has_certificate()) {
    return Finding::Violated(Reason::kCertificateMissing,
                             "no certificate was presented");
  }
  const auto& leaf = evidence.certificates().Leaf();
  if (!leaf) return ToFinding(leaf.error());
  if (const TlsaRecord* record = MatchOf(*leaf, kDaneEe)) {
    return Finding::Satisfied("TLSA " + ShortPresentation(*record) + " at " +
                              requirement_.owner);
  }
  if (!authorities_) return Mismatch(*leaf, "");
  return CheckAuthorities(evidence, now);
}

const TlsaRecord* DaneVerifier::MatchOf(const Certificate& certificate,
                                        std::uint8_t usage) const {
  for (const TlsaRecord& record : requirement_.records) {
    if (record.usage == usage && Matches(record, certificate)) return &record;
  }
  return nullptr;
}

// Not the leaf, wherever it stands: what vouches for others has to be another
// certificate. That it may be an intermediate one is the destination's wish.
std::vector<Certificate> DaneVerifier::AuthoritiesIn(
    const std::vector<Certificate>& chain) const {
  std::vector<Certificate> found;
  const auto add = [&](const Certificate& certificate) {
    if (certificate == chain.front()) return;
    if (std::find(found.begin(), found.end(), certificate) == found.end()) {
      found.push_back(certificate);
    }
  };
  for (const Certificate& sent : chain) {
    if (MatchOf(sent, kDaneTa) != nullptr) add(sent);
  }
  for (const Certificate& kept : kept_) add(kept);
  return found;
}

Finding DaneVerifier::CheckAuthorities(const TlsEvidence& evidence,
                                       TimePoint now) const {
  const auto& chain = evidence.certificates().Certificates();
  if (!chain) return ToFinding(chain.error());
  std::vector<Certificate> anchors = AuthoritiesIn(*chain);
  if (anchors.empty() && keys_.empty()) {
    return Mismatch(chain->front(),
                    ", and no authority in the handshake matches either");
  }
  std::shared_ptr<const TrustStore> trust;
  if (!anchors.empty()) {
    auto made = TrustStore::FromAnchors(std::move(anchors));
    if (!made) return Finding::Undecided(made.error());
    trust = *std::move(made);
  }
  PathRequest request;
  request.chain = *chain;
  request.trust = trust.get();
  request.keys = keys_;
  request.names = &names_;
  request.at = now;
  request.known = evidence.certificates().signature_facts();
  const PathResult result = ValidatePath(request);
  if (!result.accepted()) {
    Finding finding = ToFinding(result);
    if (!IsNoPath(finding.reason())) return finding;
    return Mismatch(chain->front(),
                    ", and no verified path leads to an "
                    "authority: " +
                        finding.detail());
  }
  const TlsaRecord* record = MatchOf(result.path.back(), kDaneTa);
  if (result.key) {
    const auto found =
        std::find_if(requirement_.records.begin(), requirement_.records.end(),
                     [&](const TlsaRecord& r) {
                       return r.usage == kDaneTa && r.data == result.key->der();
                     });
    record = found == requirement_.records.end() ? nullptr : &*found;
  }
  if (record == nullptr) {
    return Finding::Undecided(
        Error(Reason::kInternal, "a path to no TLSA record"));
  }
  return Finding::Satisfied("TLSA " + ShortPresentation(*record) + " at " +
                            requirement_.owner + ", " + result.name.detail);
}

Finding DaneVerifier::Mismatch(const Certificate& leaf,
                               const std::string& why) const {
  const auto key = leaf.SpkiDigest(DigestAlgorithm::kSha256);
  if (!key) return Finding::Undecided(key.error());
  return Finding::Violated(Reason::kTlsaInvalid,
                           "the server's key would be 3 1 1 " + ToHex(*key) +
                               ", which no TLSA record at " +
                               requirement_.owner + " has" + why);
}

}  // namespace postern
