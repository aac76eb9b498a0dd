#include "core/x509/crl_set.h"

#include <algorithm>
#include <optional>

#include "core/x509/certificate_details.h"
#include "core/x509/certificate_parse.h"
#include "core/x509/pem.h"
#include "core/x509/read_file.h"
#include "core/x509/signature_checker.h"

namespace postern {
namespace {

using IdpPtr =
    std::unique_ptr<ISSUING_DIST_POINT, OpenSslFree<&ISSUING_DIST_POINT_free>>;
using CrlDpPtr =
    std::unique_ptr<CRL_DIST_POINTS, OpenSslFree<&CRL_DIST_POINTS_free>>;

Error Unusable(const std::string& what) {
  return {Reason::kCrlUnavailable, what};
}

std::string SerialOctets(const ASN1_INTEGER* serial) {
  const char* sign = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "+";
  return sign + Octets(serial);
}

// `point` of a certificate is compared by its URIs; one with other names beside
// them is left alone.
bool ShareAName(const GENERAL_NAMES* point, const GENERAL_NAMES* b) {
  for (int i = 0; i < sk_GENERAL_NAME_num(point); ++i) {
    if (sk_GENERAL_NAME_value(point, i)->type != GEN_URI) return false;
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(point); ++i) {
    for (int j = 0; j < sk_GENERAL_NAME_num(b); ++j) {
      if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(point, i),
                           sk_GENERAL_NAME_value(b, j)) == 0) {
        return true;
      }
    }
  }
  return false;
}

// RFC 5280 section 6.3.3 (b)(2)(i): a list of one distribution point speaks
// only for certificates that name that point.
bool SpeaksFor(const DIST_POINT_NAME* point, const Certificate& certificate) {
  if (point->type != 0) return false;  // a relative name: not used
  const CrlDpPtr own(static_cast<CRL_DIST_POINTS*>(
      X509_get_ext_d2i(certificate.details().x509.get(),
                       NID_crl_distribution_points, nullptr, nullptr)));
  for (int i = 0; own && i < sk_DIST_POINT_num(own.get()); ++i) {
    const DIST_POINT* candidate = sk_DIST_POINT_value(own.get(), i);
    if (candidate->distpoint != nullptr && candidate->distpoint->type == 0 &&
        candidate->CRLissuer == nullptr && candidate->reasons == nullptr &&
        ShareAName(candidate->distpoint->name.fullname, point->name.fullname)) {
      return true;
    }
  }
  return false;
}

}  // namespace

struct CrlSet::List {
  X509CrlPtr crl;
  TimePoint this_update{};
  std::optional<TimePoint> next_update;
  std::vector<std::string> revoked;  // serials, sorted
  IdpPtr scope;
  std::string defect;  // why the list can't be used at all

  void ReadExtensions() {
    for (int i = 0; i < X509_CRL_get_ext_count(crl.get()); ++i) {
      X509_EXTENSION* extension = X509_CRL_get_ext(crl.get(), i);
      const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
      if (nid == NID_delta_crl) defect = "it is a delta list";
      if (nid == NID_issuing_distribution_point) {
        scope.reset(
            static_cast<ISSUING_DIST_POINT*>(X509V3_EXT_d2i(extension)));
        if (!scope) defect = "its scope does not parse";
      } else if (X509_EXTENSION_get_critical(extension) > 0 &&
                 nid != NID_authority_key_identifier && nid != NID_crl_number) {
        defect = "it has a critical extension that is not understood";
      }
    }
    if (scope && (scope->indirectCRL > 0 || scope->onlysomereasons != nullptr ||
                  scope->onlyattr > 0)) {
      defect = "it is indirect, of some reasons or of attribute certificates";
    }
  }

  void ReadEntries() {
    const STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl.get());
    for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
      const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
      revoked.push_back(SerialOctets(X509_REVOKED_get0_serialNumber(entry)));
      for (int e = 0; e < X509_REVOKED_get_ext_count(entry); ++e) {
        X509_EXTENSION* extension = X509_REVOKED_get_ext(entry, e);
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (X509_EXTENSION_get_critical(extension) > 0 &&
            nid != NID_crl_reason) {
          defect = "an entry has a critical extension that is not understood";
        }
      }
    }
    std::sort(revoked.begin(), revoked.end());
    if (std::adjacent_find(revoked.begin(), revoked.end()) != revoked.end()) {
      defect = "it names a serial number twice";
    }
  }

  bool Covers(const Certificate& certificate) const {
    if (!scope) return true;
    const bool ca = certificate.details().ca;
    if ((scope->onlyuser > 0 && ca) || (scope->onlyCA > 0 && !ca)) return false;
    return scope->distpoint == nullptr ||
           SpeaksFor(scope->distpoint, certificate);
  }

  // Nothing: the list is of use for `certificate` at this time.
  std::string Objection(const Certificate& certificate,
                        const Certificate& issuer, TimePoint at,
                        SignatureChecker& signatures) const {
    if (!defect.empty()) return defect;
    if (!Covers(certificate)) return "it is not about this certificate";
    const auto usage = issuer.details().key_usage;
    if (usage && (*usage & KU_CRL_SIGN) == 0) {
      return "its issuer may not sign lists";
    }
    if (at < this_update) return "it is not valid yet";
    if (!next_update) return "it does not say until when it is valid";
    if (std::chrono::floor<std::chrono::seconds>(at) > *next_update) {
      return "it is out of date since " + FormatTime(*next_update);
    }
    switch (signatures.Check(crl.get(), issuer)) {
      case SignatureChecker::Answer::kGood:
        return {};
      case SignatureChecker::Answer::kTooMany:
        return "too many signatures would have to be checked";
      default:
        return "it is not signed by the issuer's key";
    }
  }
};

CrlSet::CrlSet() = default;
CrlSet::~CrlSet() = default;

Result<std::shared_ptr<const CrlSet>> CrlSet::FromFile(
    const std::string& path) {
  auto text = ReadWholeFile(path, Reason::kCrlUnavailable);
  if (!text) return text.error();
  auto set = FromPem(*text);
  if (!set) return Unusable(path + ": " + set.error().detail());
  return set;
}

Result<std::shared_ptr<const CrlSet>> CrlSet::FromPem(std::string_view pem) {
  std::shared_ptr<CrlSet> set(new CrlSet());
  PemText text(pem);
  for (;;) {
    const auto block = text.Next();
    if (!block) return Unusable(block.error().detail());
    if (!block->has_value()) break;
    const PemBlock& found = **block;
    if (found.name != "X509 CRL") continue;

    auto list = std::make_unique<List>();
    const auto* cursor =
        reinterpret_cast<const unsigned char*>(found.octets.data());
    const unsigned char* const end = cursor + found.octets.size();
    list->crl.reset(
        d2i_X509_CRL(nullptr, &cursor, static_cast<long>(found.octets.size())));
    if (!list->crl || cursor != end) {
      return Unusable("a revocation list does not parse: " +
                      TakeOpenSslErrors());
    }
    const auto from = ReadTime(X509_CRL_get0_lastUpdate(list->crl.get()));
    if (!from) return Unusable("a revocation list has no date");
    list->this_update = from->time;
    const auto to = ReadTime(X509_CRL_get0_nextUpdate(list->crl.get()));
    if (to) list->next_update = to->time;
    list->ReadExtensions();
    list->ReadEntries();
    set->lists_.push_back(std::move(list));
  }
  if (set->lists_.empty()) return Unusable("no revocation list in it");
  const auto digest = Digest(DigestAlgorithm::kSha256, pem);
  if (!digest) return Unusable(digest.error().detail());
  set->fingerprint_ = ToHex(digest->substr(0, 16));
  return std::shared_ptr<const CrlSet>(std::move(set));
}

CrlSet::Answer CrlSet::Look(const Certificate& certificate,
                            const Certificate& issuer, TimePoint at,
                            SignatureChecker& signatures) const {
  const X509* x509 = certificate.details().x509.get();
  const std::string serial = SerialOctets(X509_get0_serialNumber(x509));
  Answer answer;
  answer.detail = "no revocation list of " + certificate.issuer();
  for (const auto& list : lists_) {
    if (X509_NAME_cmp(X509_CRL_get_issuer(list->crl.get()),
                      X509_get_issuer_name(x509)) != 0) {
      continue;
    }
    const std::string objection =
        list->Objection(certificate, issuer, at, signatures);
    if (!objection.empty()) {
      if (answer.state == State::kUnknown) {
        answer.detail =
            "the revocation list of " + certificate.issuer() + ": " + objection;
      }
      continue;
    }
    if (std::binary_search(list->revoked.begin(), list->revoked.end(),
                           serial)) {
      return {State::kRevoked, "revoked by " + certificate.issuer() +
                                   ", serial number " + certificate.serial()};
    }
    answer = {State::kGood, {}};
  }
  return answer;
}

}  // namespace postern
