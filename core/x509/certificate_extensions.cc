// The extensions of a certificate: RFC 5280 section 4.2.
#include <algorithm>
#include <array>

#include "core/x509/certificate_parse.h"

namespace postern {
namespace {

// No honest certificate comes near; comparing each with each stays cheap.
constexpr int kMaxExtensions = 64;

// OpenSSL has no d2i functions of its own for these two.
NAME_CONSTRAINTS* DecodeNameConstraints(NAME_CONSTRAINTS** /*unused*/,
                                        const unsigned char** cursor,
                                        long length) {
  return static_cast<NAME_CONSTRAINTS*>(static_cast<void*>(ASN1_item_d2i(
      nullptr, cursor, length, ASN1_ITEM_rptr(NAME_CONSTRAINTS))));
}

POLICY_CONSTRAINTS* DecodePolicyConstraints(POLICY_CONSTRAINTS** /*unused*/,
                                            const unsigned char** cursor,
                                            long length) {
  return static_cast<POLICY_CONSTRAINTS*>(static_cast<void*>(ASN1_item_d2i(
      nullptr, cursor, length, ASN1_ITEM_rptr(POLICY_CONSTRAINTS))));
}

// Decodes the value of an extension with one of OpenSSL's d2i functions. Null
// if it does not parse or is followed by stray bytes.
template <auto kDecode, auto kFree>
auto Decode(const X509_EXTENSION* extension) {
  const ASN1_OCTET_STRING* value =
      X509_EXTENSION_get_data(const_cast<X509_EXTENSION*>(extension));
  const unsigned char* const begin = ASN1_STRING_get0_data(value);
  const unsigned char* cursor = begin;
  using T = std::remove_pointer_t<decltype(kDecode(nullptr, nullptr, 0))>;
  std::unique_ptr<T, OpenSslFree<kFree>> out(
      kDecode(nullptr, &cursor, ASN1_STRING_length(value)));
  if (out && cursor != begin + ASN1_STRING_length(value)) out.reset();
  return out;
}

struct Reader {
  CertificateDetails* details;
  const X509_EXTENSION* extension = nullptr;
  bool critical = false;

  void Defect(const char* what) { details->AddDefect(what); }

  void BasicConstraints() {
    const auto value =
        Decode<&d2i_BASIC_CONSTRAINTS, &BASIC_CONSTRAINTS_free>(extension);
    if (!value) return Defect("its basicConstraints do not parse");
    details->has_basic_constraints = true;
    details->basic_constraints_critical = critical;
    details->ca = value->ca != 0;
    if (value->pathlen == nullptr) return;
    const long length = ASN1_INTEGER_get(value->pathlen);
    if (length < 0)
      return Defect("its pathLenConstraint is no sensible number");
    if (!details->ca) return Defect("it has a pathLenConstraint and is no CA");
    details->path_length = length;
  }

  void KeyUsage() {
    const auto value =
        Decode<&d2i_ASN1_BIT_STRING, &ASN1_BIT_STRING_free>(extension);
    if (!value) return Defect("its keyUsage does not parse");
    std::uint32_t bits = 0;
    const std::string octets = Octets(value.get());
    for (std::size_t i = 0; i < std::min<std::size_t>(octets.size(), 2); ++i) {
      bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(octets[i]))
              << (8 * i);
    }
    if (bits == 0) Defect("its keyUsage allows nothing");
    details->key_usage = bits;
  }

  void ExtendedKeyUsage() {
    const auto value =
        Decode<&d2i_EXTENDED_KEY_USAGE, &EXTENDED_KEY_USAGE_free>(extension);
    if (!value) return Defect("its extendedKeyUsage does not parse");
    const int count = sk_ASN1_OBJECT_num(value.get());
    if (count <= 0) Defect("its extendedKeyUsage is empty");
    details->has_extended_key_usage = true;
    for (int i = 0; i < count; ++i) {
      const int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(value.get(), i));
      if (nid == NID_server_auth || nid == NID_anyExtendedKeyUsage) {
        details->for_server_auth = true;
      }
    }
  }

  void SubjectAltName() {
    const auto value =
        Decode<&d2i_GENERAL_NAMES, &GENERAL_NAMES_free>(extension);
    if (!value) return Defect("its subjectAltName does not parse");
    const std::vector<GeneralName> names = ReadNames(value.get());
    if (names.empty()) Defect("its subjectAltName is empty");
    details->has_alt_names = true;
    for (const GeneralName& name : names) {
      if (name.kind == GeneralName::Kind::kDns) {
        details->dns_names.push_back(name.value);
      } else if (name.kind == GeneralName::Kind::kIp) {
        details->ip_addresses.push_back(name.value);
      }
      details->names.push_back(name);
    }
    if (details->empty_subject && !critical) {
      Defect("its subject is empty and its subjectAltName not critical");
    }
  }

  static bool ReadSubtrees(const STACK_OF(GENERAL_SUBTREE) * trees,
                           std::vector<GeneralName>* out) {
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); ++i) {
      const GENERAL_SUBTREE* tree = sk_GENERAL_SUBTREE_value(trees, i);
      if (tree->maximum != nullptr ||
          (tree->minimum != nullptr && ASN1_INTEGER_get(tree->minimum) != 0)) {
        return false;
      }
      const GeneralNamesPtr one(sk_GENERAL_NAME_new_null());
      if (!one || sk_GENERAL_NAME_push(one.get(), tree->base) <= 0)
        return false;
      const auto names = ReadNames(one.get());
      sk_GENERAL_NAME_pop(one.get());  // it belongs to the tree
      out->insert(out->end(), names.begin(), names.end());
    }
    return true;
  }

  void NameConstraintsExtension() {
    const auto value =
        Decode<&DecodeNameConstraints, &NAME_CONSTRAINTS_free>(extension);
    if (!value) return Defect("its nameConstraints do not parse");
    NameConstraints constraints;
    if (!ReadSubtrees(value->permittedSubtrees, &constraints.permitted) ||
        !ReadSubtrees(value->excludedSubtrees, &constraints.excluded)) {
      return Defect("its nameConstraints have bounds");
    }
    if (constraints.permitted.empty() && constraints.excluded.empty()) {
      Defect("its nameConstraints are empty");
    }
    if (!critical) Defect("its nameConstraints are not critical");
    if (const auto defect = FindDefect(constraints))
      details->AddDefect(*defect);
    details->constraints = std::move(constraints);
  }

  void AuthorityKeyId() {
    const auto value =
        Decode<&d2i_AUTHORITY_KEYID, &AUTHORITY_KEYID_free>(extension);
    if (!value) return Defect("its authorityKeyIdentifier does not parse");
    if (critical) Defect("its authorityKeyIdentifier is critical");
    if (value->keyid != nullptr)
      details->authority_key_id = Octets(value->keyid);
  }

  void SubjectKeyId() {
    const auto value =
        Decode<&d2i_ASN1_OCTET_STRING, &ASN1_OCTET_STRING_free>(extension);
    if (!value) return Defect("its subjectKeyIdentifier does not parse");
    if (critical) Defect("its subjectKeyIdentifier is critical");
    details->subject_key_id = Octets(value.get());
  }

  void PolicyConstraints() {
    const auto value =
        Decode<&DecodePolicyConstraints, &POLICY_CONSTRAINTS_free>(extension);
    if (!value) return Defect("its policyConstraints do not parse");
    if (!critical) Defect("its policyConstraints are not critical");
    details->requires_explicit_policy = value->requireExplicitPolicy != nullptr;
  }

  void Other(int nid) {
    // Certificate policies decide nothing here: nothing asks for one, and a
    // certificate that makes the path ask (policyConstraints) is refused.
    static constexpr std::array kUnderstood{
        NID_certificate_policies, NID_policy_mappings, NID_inhibit_any_policy,
        NID_crl_distribution_points, NID_issuer_alt_name};
    if (!critical || std::find(kUnderstood.begin(), kUnderstood.end(), nid) !=
                         kUnderstood.end()) {
      return;
    }
    std::array<char, 80> name{};
    OBJ_obj2txt(
        name.data(), static_cast<int>(name.size()),
        X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(extension)), 1);
    details->AddDefect("it has a critical extension that is not understood (" +
                       std::string(name.data()) + ")");
  }

  void Read(int nid) {
    switch (nid) {
      case NID_basic_constraints:
        return BasicConstraints();
      case NID_key_usage:
        return KeyUsage();
      case NID_ext_key_usage:
        return ExtendedKeyUsage();
      case NID_subject_alt_name:
        return SubjectAltName();
      case NID_name_constraints:
        return NameConstraintsExtension();
      case NID_authority_key_identifier:
        return AuthorityKeyId();
      case NID_subject_key_identifier:
        return SubjectKeyId();
      case NID_policy_constraints:
        return PolicyConstraints();
      default:
        return Other(nid);
    }
  }
};

// Rules that tie several extensions together.
void CheckWhole(CertificateDetails* details) {
  if (details->empty_subject && !details->has_alt_names) {
    details->AddDefect("it names no subject");
  }
  if (details->ca && details->empty_subject) {
    details->AddDefect("it is a CA without a name");
  }
  if (details->constraints && !details->ca) {
    details->AddDefect("it has nameConstraints and is no CA");
  }
  if (!details->ca &&
      (details->key_usage.value_or(0) & KU_KEY_CERT_SIGN) != 0) {
    details->AddDefect("it may sign certificates and is no CA");
  }
  if (details->path_length && details->key_usage &&
      (*details->key_usage & KU_KEY_CERT_SIGN) == 0) {
    details->AddDefect(
        "it has a pathLenConstraint and may not sign certificates");
  }
}

}  // namespace

std::vector<GeneralName> ReadNames(const GENERAL_NAMES* names) {
  std::vector<GeneralName> out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    using Kind = GeneralName::Kind;
    switch (name->type) {
      case GEN_DNS:
        out.push_back({Kind::kDns, Octets(name->d.dNSName)});
        break;
      case GEN_IPADD:
        out.push_back({Kind::kIp, Octets(name->d.iPAddress)});
        break;
      case GEN_EMAIL:
        out.push_back({Kind::kEmail, Octets(name->d.rfc822Name)});
        break;
      case GEN_URI:
        out.push_back({Kind::kUri, Octets(name->d.uniformResourceIdentifier)});
        break;
      case GEN_DIRNAME: {
        unsigned char* bytes = nullptr;
        const int length = i2d_X509_NAME(name->d.directoryName, &bytes);
        const OpenSslBytes owner(bytes);
        out.push_back({Kind::kDirectory,
                       {reinterpret_cast<const char*>(bytes),
                        static_cast<std::size_t>(std::max(length, 0))}});
        break;
      }
      default:
        out.push_back({Kind::kOther, std::to_string(name->type)});
    }
  }
  return out;
}

void ReadExtensions(CertificateDetails* details) {
  const X509* cert = details->x509.get();
  const int count = X509_get_ext_count(cert);
  if (count > 0 && details->version < 3) {
    details->AddDefect("it has extensions and is not of version 3");
  }
  if (count > kMaxExtensions) {
    details->AddDefect("it has more than 64 extensions");
  }
  Reader reader{details};
  for (int i = 0; i < std::min(count, kMaxExtensions); ++i) {
    X509_EXTENSION* extension = X509_get_ext(cert, i);
    const ASN1_OBJECT* object = X509_EXTENSION_get_object(extension);
    reader.extension = extension;
    reader.critical = X509_EXTENSION_get_critical(extension) > 0;
    if (X509_get_ext_by_OBJ(cert, object, -1) != i) {
      details->AddDefect("it has the same extension twice");
      continue;
    }
    reader.Read(OBJ_obj2nid(object));
  }
  CheckWhole(details);
}

}  // namespace postern
