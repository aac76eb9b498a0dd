#include "core/delivery/on_fail.h"

#include <algorithm>

namespace postern {

bool IsPolicyNo(const Verdict& verdict) {
  if (verdict.decision != Decision::kDefer) return false;
  const bool undecided =
      std::any_of(verdict.findings.begin(), verdict.findings.end(),
                  [](const Finding& finding) {
                    return finding.state() == Finding::State::kUndecided;
                  });
  if (undecided) return false;
  switch (verdict.reason) {
    case Reason::kCertificateMissing:
    case Reason::kCertificateMalformed:
    case Reason::kCertificateHostMismatch:
    case Reason::kCertificateCommonNameOnly:
    case Reason::kCertificateExpired:
    case Reason::kCertificateNotYetValid:
    case Reason::kCertificateNotTrusted:
    case Reason::kCertificateChainIncomplete:
    case Reason::kCertificateInvalid:
    case Reason::kCertificateWeak:
    case Reason::kCertificateRevoked:
    case Reason::kCertificatePathTooCostly:
    case Reason::kPinMismatch:
    case Reason::kPinExpired:
    case Reason::kPinNotYetValid:
    case Reason::kTlsaInvalid:
    case Reason::kMxNotAllowed:
    case Reason::kRouteNotAllowed:
      return true;
    default:
      return false;
  }
}

bool MayBounce(const Verdict& verdict) {
  // A wrong route is a mistake on this side, which an administrator mends;
  // the sender can't.
  return IsPolicyNo(verdict) && verdict.reason != Reason::kRouteNotAllowed;
}

PassOver MayPassOver(OnFail on_fail, const HostPlan& host,
                     const Verdict& verdict) {
  // Without its login the relay would refuse the mail, and perhaps for good.
  if (host.published || host.credentials) return PassOver::kNo;
  if (on_fail != OnFail::kDeliver && on_fail != OnFail::kDeliverClear) {
    return PassOver::kNo;
  }
  if (IsPolicyNo(verdict)) return PassOver::kOverTls;
  if (on_fail != OnFail::kDeliverClear) return PassOver::kNo;
  switch (verdict.reason) {
    case Reason::kStarttlsNotSupported:
    case Reason::kStarttlsRefused:
    case Reason::kTlsHandshakeFailed:
      return PassOver::kInClear;
    default:
      return PassOver::kNo;
  }
}

}  // namespace postern
