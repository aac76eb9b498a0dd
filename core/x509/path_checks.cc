#include "core/x509/path_checks.h"

#include "core/x509/certificate_details.h"

namespace postern {
namespace {

// Key usage that lets a key serve TLS in one way or another: to sign a
// handshake, to carry or to agree on a key.
constexpr std::uint32_t kServerUsage =
    KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT;

using Faults = std::vector<PathFault>;

void CheckValidity(const Certificate& certificate, int depth, TimePoint at,
                   Faults* faults) {
  if (at < certificate.not_before()) {
    faults->push_back({Reason::kCertificateNotYetValid, depth,
                       "valid from " + FormatTime(certificate.not_before())});
  }
  // The last second is within, whatever fraction of it has passed.
  if (std::chrono::floor<std::chrono::seconds>(at) > certificate.not_after()) {
    faults->push_back({Reason::kCertificateExpired, depth,
                       "expired at " + FormatTime(certificate.not_after())});
  }
}

// What is expected of a certificate that names others.
const char* AuthorityDefect(const CertificateDetails& details) {
  if (details.version < 3) return "it is no certificate of version 3";
  if (!details.has_basic_constraints) return "it has no basicConstraints";
  if (!details.ca) return "it is no CA certificate";
  if (!details.basic_constraints_critical) {
    return "its basicConstraints are not critical";
  }
  if (details.key_usage && (*details.key_usage & KU_KEY_CERT_SIGN) == 0) {
    return "it may not sign certificates";
  }
  if (!details.subject_key_id) return "it has no subjectKeyIdentifier";
  return nullptr;
}

void CheckPathLength(const std::vector<Certificate>& path,
                     const PathRequest& request, Faults* faults) {
  long below = 0;  // intermediates below path[i] that are not self-issued
  for (std::size_t i = 1; i < path.size(); ++i) {
    const CertificateDetails& details = path[i].details();
    if (details.path_length && below > *details.path_length) {
      faults->push_back({Reason::kCertificateInvalid, static_cast<int>(i),
                         "more CA certificates follow it than it allows"});
    }
    const bool anchor = i + 1 == path.size();
    if (!anchor && !details.self_issued) ++below;
  }
  if (request.max_depth && below > *request.max_depth) {
    faults->push_back({Reason::kCertificateInvalid,
                       static_cast<int>(path.size()) - 1,
                       "more intermediates than were asked for"});
  }
}

// The names of the leaf that constraints apply to: its common names too,
// exactly where they are compared (an authority that is held to one domain must
// not reach another by way of the CN).
std::vector<GeneralName> LeafNames(const Certificate& leaf,
                                   const PathRequest& request) {
  std::vector<GeneralName> names = leaf.details().names;
  if (request.names == nullptr || !ComparesCommonName(leaf, *request.names)) {
    return names;
  }
  for (const std::string& name : leaf.common_names()) {
    if (IsPresentableDnsName(name)) {
      names.push_back({GeneralName::Kind::kDns, name});
    }
  }
  return names;
}

void CheckNameConstraints(const std::vector<Certificate>& path,
                          const PathRequest& request, std::size_t& budget,
                          Faults* faults) {
  for (std::size_t i = 1; i < path.size(); ++i) {
    const auto& constraints = path[i].details().constraints;
    if (!constraints) continue;
    for (std::size_t j = 0; j < i; ++j) {
      // Section 6.1.3 (b): self-issued certificates are exempt but for the
      // leaf.
      if (j > 0 && path[j].self_issued()) continue;
      const NameConstraintAnswer answer = CheckNames(
          *constraints,
          j == 0 ? LeafNames(path[j], request) : path[j].details().names,
          budget);
      if (answer.result == NameConstraintResult::kWithin) continue;
      const bool costly = answer.result == NameConstraintResult::kTooCostly;
      faults->push_back({costly ? Reason::kCertificatePathTooCostly
                                : Reason::kCertificateInvalid,
                         static_cast<int>(j),
                         costly ? "too many names and name constraints"
                                : "it has " + answer.detail +
                                      " of certificate " + std::to_string(i)});
      if (costly) return;
    }
  }
}

void CheckRevocation(const std::vector<Certificate>& path,
                     const PathRequest& request, SignatureChecker& signatures,
                     Faults* faults) {
  if (request.crls == nullptr) return;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const CrlSet::Answer answer =
        request.crls->Look(path[i], path[i + 1], request.at, signatures);
    if (answer.state == CrlSet::State::kGood) continue;
    const bool revoked = answer.state == CrlSet::State::kRevoked;
    faults->push_back(
        {revoked ? Reason::kCertificateRevoked : Reason::kCrlUnavailable,
         static_cast<int>(i), answer.detail});
  }
}

}  // namespace

Faults CheckCertificate(const Certificate& certificate, PathRole role,
                        int depth, TimePoint at) {
  const CertificateDetails& details = certificate.details();
  const bool leaf = role == PathRole::kLeaf || role == PathRole::kTrustedLeaf;
  // Nobody checks the signature of what is trusted as it stands.
  const bool signed_by_other =
      role == PathRole::kLeaf || role == PathRole::kIntermediate;
  Faults faults;
  const auto invalid = [&](const std::string& what) {
    faults.push_back({Reason::kCertificateInvalid, depth, what});
  };
  if (!details.defect.empty()) invalid(details.defect);
  if (role != PathRole::kAnchor && !details.defect_below_anchor.empty()) {
    invalid(details.defect_below_anchor);
  }
  if (!details.authority_key_id && (signed_by_other || !details.self_issued)) {
    // Section 4.2.1.1: only a self-signed certificate may do without.
    invalid("it has no authorityKeyIdentifier");
  }
  if (!leaf) {
    if (const char* defect = AuthorityDefect(details)) invalid(defect);
  }
  if (leaf && details.key_usage && (*details.key_usage & kServerUsage) == 0) {
    invalid("its keyUsage does not allow a TLS server");
  }
  if (details.has_extended_key_usage && !details.for_server_auth) {
    invalid("its extendedKeyUsage does not allow a TLS server");
  }
  if (details.requires_explicit_policy) {
    invalid("it requires a certificate policy, which is not supported");
  }
  if (role != PathRole::kAnchor && !details.weakness.empty()) {
    faults.push_back({Reason::kCertificateWeak, depth, details.weakness});
  }
  if (signed_by_other && !details.weak_signature.empty()) {
    faults.push_back({Reason::kCertificateWeak, depth, details.weak_signature});
  }
  CheckValidity(certificate, depth, at, &faults);
  return faults;
}

Faults CheckPath(const std::vector<Certificate>& path,
                 const PathRequest& request, PathBudget& budget) {
  Faults faults;
  CheckPathLength(path, request, &faults);
  CheckNameConstraints(path, request, budget.name_comparisons, &faults);
  CheckRevocation(path, request, budget.signatures, &faults);
  return faults;
}

}  // namespace postern
