#include "plugins/webpki/webpki_source.h"

#include <utility>

#include "core/policy/reference_names.h"
#include "core/policy/silent_source.h"
#include "core/x509/file_cache.h"
#include "plugins/webpki/webpki_verifier.h"

namespace postern {
namespace {

constexpr std::string_view kName = "webpki";
constexpr std::string_view kAnchorPrefix = "anchor:";

bool IsOurs(Level level) {
  return level == Level::kVerify || level == Level::kSecure ||
         level == Level::kHosted;
}

// `hosted` has its own rule, whatever cn= says (design: SAN only, the CN only
// where the certificate has no dNSName at all).
CommonNameUse CommonNameUseFor(const PolicyLine& line) {
  if (LocalLevel(line) == Level::kHosted) return CommonNameUse::kNoDnsName;
  switch (line.cn) {
    case CommonName::kNever:
      return CommonNameUse::kNever;
    case CommonName::kNoSan:
      return CommonNameUse::kNoDnsName;
    case CommonName::kAlways:
      return CommonNameUse::kAlways;
  }
  return CommonNameUse::kNever;
}

// ca=anchor:NAME: a certificate that the store keeps.
Result<std::shared_ptr<const TrustStore>> StoredAnchor(
    const ServedPolicy& policy, std::string_view name) {
  for (const Anchor& anchor : policy.anchors) {
    if (anchor.name != name) continue;
    auto certificate = Certificate::Parse(
        DerCertificate(anchor.certificate.begin(), anchor.certificate.end()));
    if (!certificate) {
      return Error{
          Reason::kTrustStoreUnavailable,
          "anchor:" + anchor.name + ": " + certificate.error().detail()};
    }
    return TrustStore::FromAnchors({*std::move(certificate)});
  }
  return Error{Reason::kTrustStoreUnavailable,
               "anchor:" + std::string(name) + " is not in the store"};
}

class Failed final : public BoundSource {
 public:
  explicit Failed(Error error) : error_(std::move(error)) {}
  Contribution ForHost(const HostFacts& /*host*/,
                       Deadline /*deadline*/) const override {
    Contribution contribution;
    contribution.source = kName;
    contribution.state = Contribution::State::kHostFailed;
    contribution.reason = error_.reason();
    contribution.detail = error_.detail();
    return contribution;
  }

 private:
  Error error_;
};

class Bound final : public BoundSource {
 public:
  Bound(Destination destination, WebpkiRequirement requirement)
      : destination_(std::move(destination)),
        requirement_(std::move(requirement)) {}

  Contribution ForHost(const HostFacts& host,
                       Deadline /*deadline*/) const override {
    const PolicyLine& line = destination_.policy.line;
    ReferenceNames names = ReferenceIdentitiesFor(line, destination_, host);
    WebpkiRequirement requirement = requirement_;
    requirement.names.references = std::move(names.names);
    requirement.ptr = names.ptr;

    Contribution contribution;
    contribution.source = kName;
    contribution.state = Contribution::State::kApplies;
    contribution.verifier =
        std::make_shared<const WebpkiVerifier>(std::move(requirement));
    contribution.detail = contribution.verifier->Describe();
    return contribution;
  }

 private:
  const Destination destination_;
  const WebpkiRequirement requirement_;  // without the names of a host
};

class WebpkiSource final : public PolicySource {
 public:
  explicit WebpkiSource(std::string trust) : trust_(std::move(trust)) {}

  std::string_view name() const override { return kName; }

  Result<std::unique_ptr<const BoundSource>> ForDestination(
      const Destination& destination, Deadline /*deadline*/) override {
    const PolicyLine& line = destination.policy.line;
    if (!IsOurs(LocalLevel(line)))
      return Owned(std::make_unique<SilentSource>(kName));

    WebpkiRequirement requirement;
    requirement.trust_name = line.ca.empty() ? trust_ : line.ca;
    auto trust = FindTrust(destination.policy, requirement.trust_name);
    if (!trust) return Owned(std::make_unique<Failed>(trust.error()));
    requirement.trust = *std::move(trust);
    if (!line.crl.empty()) {
      auto crls = files_.Crls(line.crl);
      if (!crls) return Owned(std::make_unique<Failed>(crls.error()));
      requirement.crls = *std::move(crls);
    }
    requirement.names.common_name = CommonNameUseFor(line);
    return Owned(std::make_unique<Bound>(destination, std::move(requirement)));
  }

 private:
  static std::unique_ptr<const BoundSource> Owned(
      std::unique_ptr<const BoundSource> source) {
    return source;
  }

  Result<std::shared_ptr<const TrustStore>> FindTrust(
      const ServedPolicy& policy, const std::string& name) {
    if (name.compare(0, kAnchorPrefix.size(), kAnchorPrefix) == 0) {
      return StoredAnchor(policy,
                          std::string_view(name).substr(kAnchorPrefix.size()));
    }
    return files_.Trust(name);
  }

  const std::string trust_;
  FileCache files_;
};

}  // namespace

std::unique_ptr<PolicySource> MakeWebpkiSource(std::string trust) {
  return std::make_unique<WebpkiSource>(std::move(trust));
}

}  // namespace postern
