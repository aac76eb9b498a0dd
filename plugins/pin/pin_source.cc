#include "plugins/pin/pin_source.h"

#include <algorithm>
#include <utility>

#include "core/policy/reference_names.h"
#include "core/x509/file_cache.h"
#include "plugins/pin/pin_verifier.h"

namespace postern {
namespace {

constexpr std::string_view kName = "pin";

CommonNameUse CommonNameUseFor(CommonName cn) {
  switch (cn) {
    case CommonName::kNever:
      return CommonNameUse::kNever;
    case CommonName::kNoSan:
      return CommonNameUse::kNoDnsName;
    case CommonName::kAlways:
      return CommonNameUse::kAlways;
  }
  return CommonNameUse::kNever;
}

Contribution Answer(Contribution::State state, Reason reason,
                    std::string detail) {
  Contribution contribution;
  contribution.source = kName;
  contribution.state = state;
  contribution.reason = reason;
  contribution.detail = std::move(detail);
  return contribution;
}

// The same answer for every host.
class Fixed final : public BoundSource {
 public:
  explicit Fixed(Contribution answer) : answer_(std::move(answer)) {}
  Contribution ForHost(const HostFacts& /*host*/,
                       Deadline /*deadline*/) const override {
    return answer_;
  }

 private:
  const Contribution answer_;
};

class Bound final : public BoundSource {
 public:
  Bound(Destination destination, std::shared_ptr<const CrlSet> crls)
      : destination_(std::move(destination)), crls_(std::move(crls)) {}

  Contribution ForHost(const HostFacts& host,
                       Deadline /*deadline*/) const override {
    const PolicyLine& line = destination_.policy.line;
    ReferenceNames names = ReferenceIdentitiesFor(line, destination_, host);
    CaPinRequirement ca;
    ca.names.references = std::move(names.names);
    ca.names.common_name = CommonNameUseFor(line.cn);
    ca.ptr = names.ptr;
    ca.crls = crls_;
    auto verifier = std::make_shared<const PinVerifier>(
        destination_.policy.pins, std::move(ca));
    Contribution contribution = Answer(Contribution::State::kApplies,
                                       Reason::kOk, verifier->Describe());
    contribution.verifier = std::move(verifier);
    return contribution;
  }

 private:
  const Destination destination_;
  const std::shared_ptr<const CrlSet> crls_;
};

class PinSource final : public PolicySource {
 public:
  std::string_view name() const override { return kName; }

  Result<std::unique_ptr<const BoundSource>> ForDestination(
      const Destination& destination, Deadline /*deadline*/) override {
    using State = Contribution::State;
    const PolicyLine& line = destination.policy.line;
    const std::vector<Pin>& pins = destination.policy.pins;
    if (LocalLevel(line) != Level::kFingerprint) {
      return Always(Answer(State::kAbsent, Reason::kOk, {}));
    }
    if (pins.empty()) {
      return Always(Answer(State::kAbsent, Reason::kPinMissing,
                           "there is no pin for " + line.key.str()));
    }
    const bool authorities =
        std::any_of(pins.begin(), pins.end(),
                    [](const Pin& pin) { return pin.kind == PinKind::kCa; });
    std::shared_ptr<const CrlSet> crls;
    if (authorities && !line.crl.empty()) {
      auto read = files_.Crls(line.crl);
      if (!read) {
        return Always(Answer(State::kHostFailed, read.error().reason(),
                             read.error().detail()));
      }
      crls = *std::move(read);
    }
    return std::unique_ptr<const BoundSource>(
        std::make_unique<Bound>(destination, std::move(crls)));
  }

 private:
  static std::unique_ptr<const BoundSource> Always(Contribution answer) {
    return std::make_unique<Fixed>(std::move(answer));
  }

  FileCache files_;
};

}  // namespace

std::unique_ptr<PolicySource> MakePinSource() {
  return std::make_unique<PinSource>();
}

}  // namespace postern
