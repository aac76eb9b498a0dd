// core/x509/path_validator.h
//
// Validates what a server presented against a trust store: builds a path from
// the leaf to an anchor, trying every way there is within a bound, and checks
// it by RFC 5280 section 6.1. No I/O, no clock: the same question has the same
// answer, the reason included. docs/x509.md says what is checked, in which
// order of gravity a reason is chosen, and where this is stricter than OpenSSL.
//
//   const auto& chain = evidence.certificates().Certificates();
//   PathRequest request{.chain = *chain, .trust = store};
//   request.names = &accepted;                                // or none
//   request.at = now;
//   const PathResult result = ValidatePath(request);
//   const Finding finding = ToFinding(result);
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/finding.h"
#include "core/x509/certificate.h"
#include "core/x509/crl_set.h"
#include "core/x509/name_match.h"
#include "core/x509/public_key.h"
#include "core/x509/trust_store.h"

namespace postern {

class SignatureFacts;  // CertificateChain::signature_facts()

// Borrows everything for the call.
struct PathRequest {
  std::span<const Certificate> chain;  // as sent, leaf first; at least one
  // Null only where `keys` are given.
  const TrustStore* trust = nullptr;
  // Authorities of which there is a key and no certificate: a path may also end
  // at a certificate that one of them signed (RFC 7671 section 5.2.3). Not
  // together with `crls`.
  std::span<const PublicKey> keys = {};
  // Every certificate below the anchor must then be on a usable list.
  const CrlSet* crls = nullptr;
  // What the leaf must name; null: names are not looked at.
  const AcceptedNames* names = nullptr;
  TimePoint at{};
  // Intermediates that are not self-issued (RFC 5280 section 6.1); nothing: as
  // many as the bounds below allow.
  std::optional<int> max_depth = std::nullopt;
  // Of the same chain: what is in it need not be computed again, and counts
  // towards the bounds all the same, so that the answer does not change. Null:
  // everything is computed.
  SignatureFacts* known = nullptr;
};

struct PathFault {
  Reason reason = Reason::kInternal;
  int depth = 0;  // of the certificate at fault: 0 is the leaf
  std::string detail;
};

struct PathResult {
  std::optional<PathFault> fault;  // nothing: the path holds
  std::vector<Certificate> path;   // leaf to anchor, where it holds
  // The path ends below one of the request's keys, which signed path.back().
  std::optional<PublicKey> key;
  NameMatch name;      // where names were asked for and it holds
  int signatures = 0;  // checked on the way
  int computed = 0;    // of them: those that were not known before

  bool accepted() const { return !fault.has_value(); }
};

// The bounds that, with kMaxChainCertificates, keep a hostile chain below
// 100 ms. Past them the fault is kCertificatePathTooCostly.
inline constexpr int kMaxSignatureChecks = 24;
inline constexpr int kMaxPathCertificates = 10;

PathResult ValidatePath(const PathRequest& request);

// Satisfied, with the path's shape and the name that matched; noteworthy where
// that name is weak. Violated with the fault's reason and "certificate N: …".
// Undecided for kCrlUnavailable and kCertificatePathTooCostly: those are "could
// not find out".
Finding ToFinding(const PathResult& result);
// The same for a chain that could not be read at all (ParseChain()).
Finding ToFinding(const Error& error);

// How grave a reason is among faults of one path: lower is graver and is the
// one told. Reasons that no path has come last.
int Gravity(Reason reason);

}  // namespace postern
