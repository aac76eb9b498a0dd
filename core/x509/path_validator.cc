#include "core/x509/path_validator.h"

#include <algorithm>
#include <array>

#include "core/x509/certificate_details.h"
#include "core/x509/path_checks.h"
#include "core/x509/signature_checker.h"

namespace postern {
namespace {

// Steps from a certificate to its candidate issuers, in one search.
constexpr int kMaxSteps = 256;

using Faults = std::vector<PathFault>;

// Gravest first (docs/x509.md). Whether a chain is trusted comes before what it
// says; "could not find out" before what would be a definite no.
constexpr std::array kGravity{
    Reason::kCertificateMalformed,    Reason::kCertificatePathTooCostly,
    Reason::kCertificateNotTrusted,   Reason::kCertificateChainIncomplete,
    Reason::kCertificateRevoked,      Reason::kCrlUnavailable,
    Reason::kCertificateInvalid,      Reason::kCertificateWeak,
    Reason::kCertificateHostMismatch, Reason::kCertificateCommonNameOnly,
    Reason::kCertificateExpired,      Reason::kCertificateNotYetValid,
};

bool Graver(const PathFault& a, const PathFault& b) {
  const int left = Gravity(a.reason);
  const int right = Gravity(b.reason);
  return left != right ? left < right : a.depth < b.depth;
}

// Seeks a path in two rounds. The first follows only certificates that nothing
// is wrong with, and ends at the first path that holds. Only if it finds none
// does the second follow all of them, to tell what is wrong with the path that
// comes closest. The second accepts nothing.
class PathSearch {
 public:
  explicit PathSearch(const PathRequest& request)
      : request_(request),
        budget_{SignatureChecker(kMaxSignatureChecks, request.known)} {}

  PathResult Run() {
    const Certificate& leaf = request_.chain.front();
    const bool trusted =
        request_.trust != nullptr && request_.trust->Contains(leaf);
    Faults faults = CheckCertificate(
        leaf, trusted ? PathRole::kTrustedLeaf : PathRole::kLeaf, 0,
        request_.at);
    if (request_.names != nullptr) {
      result_.name = MatchNames(leaf, *request_.names);
      if (!result_.name.matched) {
        faults.push_back({result_.name.reason, 0, result_.name.detail});
      }
    }
    CollectPool(leaf);
    path_ = {leaf};
    if (faults.empty()) {
      if (trusted) {
        Complete({});
      } else {
        Extend({});
      }
    }
    const bool gave_up = exhausted_;
    if (!accepted_ && !gave_up) {
      explaining_ = true;
      steps_ = 0;
      if (trusted) {
        Complete(faults);
      } else {
        Extend(faults);
      }
    }
    result_.signatures = budget_.signatures.count();
    result_.computed = budget_.signatures.computed();
    if (accepted_) {
      result_.fault.reset();
    } else if (gave_up || !closest_) {
      result_.fault = PathFault{Reason::kCertificatePathTooCostly, 0,
                                "gave up after " +
                                    std::to_string(budget_.signatures.count()) +
                                    " signatures"};
    } else {
      result_.fault = closest_;
    }
    return std::move(result_);
  }

 private:
  // What the server sent beside the leaf, each once.
  void CollectPool(const Certificate& leaf) {
    for (const Certificate& sent : request_.chain.subspan(1)) {
      if (sent == leaf) continue;
      if (std::find(pool_.begin(), pool_.end(), sent) == pool_.end()) {
        pool_.push_back(sent);
      }
    }
  }

  bool stopped() const { return accepted_ || exhausted_; }

  // A certificate may stand in a path once, and so may a key with its name: the
  // second time it could only lead where the first did.
  bool InPath(const Certificate& candidate) const {
    return std::any_of(path_.begin(), path_.end(), [&](const Certificate& c) {
      return c == candidate ||
             (c.details().spki == candidate.details().spki &&
              X509_NAME_cmp(
                  X509_get_subject_name(c.details().x509.get()),
                  X509_get_subject_name(candidate.details().x509.get())) == 0);
    });
  }

  // Those that name themselves as the issuer sought; the one whose key
  // identifier fits first. The identifier decides no more than the order (RFC
  // 4158 section 3.5.12).
  std::vector<Certificate> Candidates(const Certificate& certificate) const {
    const X509_NAME* issuer =
        X509_get_issuer_name(certificate.details().x509.get());
    std::vector<Certificate> out;
    for (const Certificate& sent : pool_) {
      if (X509_NAME_cmp(X509_get_subject_name(sent.details().x509.get()),
                        issuer) == 0) {
        out.push_back(sent);
      }
    }
    const auto& wanted = certificate.details().authority_key_id;
    std::stable_partition(out.begin(), out.end(), [&](const Certificate& c) {
      return wanted && c.details().subject_key_id == wanted;
    });
    return out;
  }

  void Extend(const Faults& faults) {
    if (stopped()) return;
    if (++steps_ > kMaxSteps) {
      exhausted_ = true;
      return;
    }
    const Certificate certificate = path_.back();
    bool extended = false;
    bool named = false;
    for (const Certificate& anchor : Anchors(certificate)) {
      TryIssuer(anchor, PathRole::kAnchor, faults, &named, &extended);
      if (stopped()) return;
    }
    for (const PublicKey& key : request_.keys) {
      TryKey(key, faults, &extended);
      if (stopped()) return;
    }
    for (const Certificate& candidate : Candidates(certificate)) {
      TryIssuer(candidate, PathRole::kIntermediate, faults, &named, &extended);
      if (stopped()) return;
    }
    if (explaining_ && !extended) DeadEnd(faults, named);
  }

  void TryIssuer(const Certificate& issuer, PathRole role, const Faults& faults,
                 bool* named, bool* extended) {
    if (InPath(issuer)) return;
    const int depth = static_cast<int>(path_.size());
    Faults more = CheckCertificate(issuer, role, depth, request_.at);
    if (!explaining_ && !more.empty()) return;
    *named = true;
    switch (budget_.signatures.Check(path_.back(), issuer)) {
      case SignatureChecker::Answer::kGood:
        break;
      case SignatureChecker::Answer::kBad:
        return;
      case SignatureChecker::Answer::kTooMany:
        exhausted_ = true;
        return;
      case SignatureChecker::Answer::kUnfitKey:
        if (!explaining_) return;
        more.push_back({Reason::kCertificateWeak, depth,
                        "its key is not one that signatures are checked with"});
    }
    *extended = true;
    more.insert(more.begin(), faults.begin(), faults.end());
    path_.push_back(issuer);
    if (role == PathRole::kAnchor) {
      Complete(more);
    } else if (path_.size() < static_cast<std::size_t>(kMaxPathCertificates)) {
      Extend(more);
    } else if (explaining_) {
      more.push_back({Reason::kCertificatePathTooCostly, depth,
                      "the path has more than " +
                          std::to_string(kMaxPathCertificates) +
                          " certificates"});
      Consider(more);
    }
    path_.pop_back();
  }

  std::vector<Certificate> Anchors(const Certificate& certificate) const {
    if (request_.trust == nullptr) return {};
    return request_.trust->FindIssuers(certificate);
  }

  // A key has no name, so only its signature tells.
  void TryKey(const PublicKey& key, const Faults& faults, bool* extended) {
    switch (budget_.signatures.Check(path_.back(), key)) {
      case SignatureChecker::Answer::kGood:
        break;
      case SignatureChecker::Answer::kBad:
      case SignatureChecker::Answer::kUnfitKey:
        return;
      case SignatureChecker::Answer::kTooMany:
        exhausted_ = true;
        return;
    }
    *extended = true;
    Complete(faults);
    if (accepted_) result_.key = key;
  }

  // No way on from the last certificate.
  void DeadEnd(Faults faults, bool named) {
    const Certificate& last = path_.back();
    const int depth = static_cast<int>(path_.size()) - 1;
    if (last.self_issued()) {
      faults.push_back({Reason::kCertificateNotTrusted, depth,
                        "self-signed and not trusted here: " + last.subject()});
    } else if (named) {
      faults.push_back({Reason::kCertificateNotTrusted, depth,
                        "not signed by the issuer it names: " + last.issuer()});
    } else {
      faults.push_back(
          {Reason::kCertificateChainIncomplete, depth,
           "its issuer was neither sent nor is it trusted: " + last.issuer()});
    }
    Consider(faults);
  }

  void Complete(Faults faults) {
    const Faults more = CheckPath(path_, request_, budget_);
    faults.insert(faults.end(), more.begin(), more.end());
    if (!explaining_ && faults.empty()) {
      accepted_ = true;
      result_.path = path_;
    } else if (explaining_) {
      Consider(faults);
    }
  }

  // Of one path the gravest fault is told; of all paths the one whose gravest
  // is the least grave, because that is what has to be mended.
  void Consider(const Faults& faults) {
    if (faults.empty()) return;
    const PathFault& gravest =
        *std::min_element(faults.begin(), faults.end(), Graver);
    if (!closest_ || Graver(*closest_, gravest)) closest_ = gravest;
  }

  const PathRequest& request_;
  PathBudget budget_;
  std::vector<Certificate> pool_;
  std::vector<Certificate> path_;
  std::optional<PathFault> closest_;
  PathResult result_;
  int steps_ = 0;
  bool explaining_ = false;
  bool accepted_ = false;
  bool exhausted_ = false;
};

}  // namespace

int Gravity(Reason reason) {
  const auto* at = std::find(kGravity.begin(), kGravity.end(), reason);
  return static_cast<int>(at - kGravity.begin());
}

PathResult ValidatePath(const PathRequest& request) {
  std::optional<PathFault> fault;
  if (request.trust == nullptr && request.keys.empty()) {
    fault = PathFault{Reason::kTrustStoreUnavailable, 0, "no trust store"};
  } else if (!request.keys.empty() && request.crls != nullptr) {
    fault = PathFault{Reason::kInternal, 0, "keys and revocation lists"};
  } else if (request.chain.empty()) {
    fault = PathFault{Reason::kCertificateMissing, 0, "no certificate"};
  } else if (request.chain.size() > kMaxChainCertificates) {
    fault = PathFault{
        Reason::kCertificatePathTooCostly, 0,
        std::to_string(request.chain.size()) + " certificates were presented"};
  }
  if (!fault) return PathSearch(request).Run();
  PathResult result;
  result.fault = std::move(fault);
  return result;
}

Finding ToFinding(const Error& error) {
  // A certificate that is not there or does not parse proves a "no"; whatever
  // else went wrong proves nothing.
  const bool violated = error.reason() == Reason::kCertificateMissing ||
                        error.reason() == Reason::kCertificateMalformed;
  return violated ? Finding::Violated(error.reason(), error.detail())
                  : Finding::Undecided(error);
}

Finding ToFinding(const PathResult& result) {
  if (result.fault) {
    const PathFault& fault = *result.fault;
    std::string detail =
        "certificate " + std::to_string(fault.depth) + ": " + fault.detail;
    if (fault.reason == Reason::kCrlUnavailable ||
        fault.reason == Reason::kCertificatePathTooCostly ||
        fault.reason == Reason::kTrustStoreUnavailable) {
      return Finding::Undecided(Error(fault.reason, std::move(detail)));
    }
    return Finding::Violated(fault.reason, std::move(detail));
  }
  if (result.path.empty()) {
    return Finding::Undecided(
        Error(Reason::kInternal, "a path without certificates"));
  }
  std::string detail =
      "trusted by " + (result.key ? "a key (" + result.key->description() + ")"
                                  : result.path.back().subject());
  if (result.name.matched) detail += ", " + result.name.detail;
  Finding finding = Finding::Satisfied(std::move(detail));
  return result.name.weak ? std::move(finding).Noteworthy() : finding;
}

}  // namespace postern
