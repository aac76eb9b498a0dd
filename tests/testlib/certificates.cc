#include "tests/testlib/certificates.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

namespace postern {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using X509Holder = std::unique_ptr<X509, Free<&X509_free>>;
using CrlHolder = std::unique_ptr<X509_CRL, Free<&X509_CRL_free>>;
using BioHolder = std::unique_ptr<BIO, Free<&BIO_free_all>>;
using NameHolder = std::unique_ptr<X509_NAME, Free<&X509_NAME_free>>;

void Require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "testlib: cannot make %s\n", what);
  ERR_print_errors_fp(stderr);
  std::abort();
}

std::time_t ToTimeT(TimePoint time) {
  return std::chrono::system_clock::to_time_t(time);
}

std::string ReadAll(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

X509Holder Decode(const DerCertificate& der) {
  const unsigned char* cursor = der.data();
  X509Holder cert(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  Require(cert != nullptr, "sense of a certificate");
  return cert;
}

void SetSerial(ASN1_INTEGER* to, const std::string& hex) {
  BIGNUM* number = nullptr;
  if (hex.empty()) {
    number = BN_new();
    Require(BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1,
            "a serial number");
  } else {
    Require(BN_hex2bn(&number, hex.c_str()) != 0, "a serial number");
  }
  Require(BN_to_ASN1_INTEGER(number, to) != nullptr, "a serial number");
  BN_free(number);
}

NameHolder MakeName(const std::string& common_name) {
  NameHolder name(X509_NAME_new());
  if (!common_name.empty()) {
    Require(X509_NAME_add_entry_by_NID(
                name.get(), NID_commonName, MBSTRING_UTF8,
                reinterpret_cast<const unsigned char*>(common_name.data()),
                static_cast<int>(common_name.size()), -1, 0) == 1,
            "a common name");
  }
  return name;
}

// Built by hand, not by configuration text, so that a name may hold any octet.
void AddSubjectAltName(X509* cert, const CertificateSpec& spec) {
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  for (const std::string& dns : spec.dns_names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
  }
  for (const std::string& ip : spec.ip_addresses) {
    ASN1_OCTET_STRING* octets = a2i_IPADDRESS(ip.c_str());
    Require(octets != nullptr, "an address");
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, octets);
    sk_GENERAL_NAME_push(names, name);
  }
  const int critical = spec.common_name.empty() ? 1 : 0;
  Require(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical,
                            X509V3_ADD_APPEND) == 1,
          "subject alternative names");
  GENERAL_NAMES_free(names);
}

std::map<std::string, std::string> DefaultExtensions(
    const CertificateSpec& spec, bool self_signed) {
  std::map<std::string, std::string> out;
  if (spec.ca) {
    out["basicConstraints"] = "critical,CA:TRUE";
    if (spec.path_length >= 0) {
      out["basicConstraints"] += ",pathlen:" + std::to_string(spec.path_length);
    }
    out["keyUsage"] = "critical,keyCertSign,cRLSign";
  } else {
    out["keyUsage"] = "critical,digitalSignature";
    out["extendedKeyUsage"] = "serverAuth";
  }
  out["subjectKeyIdentifier"] = "hash";
  if (!self_signed) out["authorityKeyIdentifier"] = "keyid:always";
  for (const auto& [name, value] : spec.extensions) out[name] = value;
  return out;
}

void AddExtensions(X509* cert, X509* issuer, const CertificateSpec& spec,
                   bool self_signed) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  auto wanted = DefaultExtensions(spec, self_signed);
  const bool own_names = wanted.count("subjectAltName") != 0;
  const auto add = [&](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    X509_EXTENSION* extension =
        X509V3_EXT_nconf(nullptr, &context, name.c_str(), value.c_str());
    Require(extension != nullptr, ("the extension " + name).c_str());
    Require(X509_add_ext(cert, extension, -1) == 1, "an extension");
    X509_EXTENSION_free(extension);
  };
  // First, because the issuer's key identifier is copied from it where the
  // issuer is the certificate itself.
  add("subjectKeyIdentifier", wanted["subjectKeyIdentifier"]);
  wanted.erase("subjectKeyIdentifier");
  for (const auto& [name, value] : wanted) add(name, value);
  if (!own_names && (!spec.dns_names.empty() || !spec.ip_addresses.empty())) {
    AddSubjectAltName(cert, spec);
  }
}

const EVP_MD* DigestFor(EVP_PKEY* key, const std::string& name) {
  if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) return nullptr;
  const EVP_MD* digest = EVP_get_digestbyname(name.c_str());
  Require(digest != nullptr, "a digest");
  return digest;
}

TestCertificate Make(const CertificateSpec& spec, const TestKey& key,
                     const TestCertificate* issuer) {
  const X509Holder cert(X509_new());
  Require(X509_set_version(cert.get(), spec.version - 1) == 1, "a version");
  SetSerial(X509_get_serialNumber(cert.get()), spec.serial);
  const NameHolder subject = MakeName(spec.common_name);
  X509_set_subject_name(cert.get(), subject.get());
  ASN1_TIME_set(X509_getm_notBefore(cert.get()), ToTimeT(spec.not_before));
  ASN1_TIME_set(X509_getm_notAfter(cert.get()), ToTimeT(spec.not_after));
  Require(X509_set_pubkey(cert.get(), key.get()) == 1, "a public key");

  const X509Holder above = issuer != nullptr ? Decode(issuer->der) : nullptr;
  X509* const parent = above ? above.get() : cert.get();
  X509_set_issuer_name(cert.get(), X509_get_subject_name(parent));
  if (spec.version >= 3) {
    AddExtensions(cert.get(), parent, spec, issuer == nullptr);
  }
  EVP_PKEY* const signer = issuer != nullptr ? issuer->key.get() : key.get();
  Require(X509_sign(cert.get(), signer, DigestFor(signer, spec.digest)) != 0,
          "a signature");

  unsigned char* bytes = nullptr;
  const int length = i2d_X509(cert.get(), &bytes);
  Require(length > 0, "an encoding");
  DerCertificate der(bytes, bytes + length);
  OPENSSL_free(bytes);
  return {std::move(der), key};
}

}  // namespace

TestKey::TestKey(evp_pkey_st* key)
    : key_(key, [](evp_pkey_st* p) { EVP_PKEY_free(p); }) {
  Require(key != nullptr, "a key");
}

TestKey TestKey::Generate() { return Ec("P-256"); }

TestKey TestKey::Ec(const std::string& curve) {
  return TestKey(EVP_EC_gen(curve.c_str()));
}

TestKey TestKey::Rsa(unsigned bits) { return TestKey(EVP_RSA_gen(bits)); }

TestKey TestKey::Ed25519() {
  return TestKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

std::string TestKey::spki_hash() const {
  unsigned char* bytes = nullptr;
  const int length = i2d_PUBKEY(key_.get(), &bytes);
  Require(length > 0, "an encoding of a key");
  std::string hash(32, '\0');
  Require(EVP_Digest(bytes, static_cast<std::size_t>(length),
                     reinterpret_cast<unsigned char*>(hash.data()), nullptr,
                     EVP_sha256(), nullptr) == 1,
          "a digest");
  OPENSSL_free(bytes);
  return hash;
}

std::string TestKey::private_pem() const {
  const BioHolder bio(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr,
                                        0, nullptr, nullptr) == 1,
          "a private key file");
  return ReadAll(bio.get());
}

CertificateSpec ForHost(const std::string& name) {
  CertificateSpec spec;
  spec.common_name = name;
  spec.dns_names = {name};
  return spec;
}

CertificateSpec ForAuthority(const std::string& common_name) {
  CertificateSpec spec;
  spec.common_name = common_name;
  spec.ca = true;
  return spec;
}

std::string TestCertificate::pem() const { return ToPem(der); }

TestCertificate MakeSelfSigned(const CertificateSpec& spec,
                               const TestKey& key) {
  return Make(spec, key, nullptr);
}

TestCertificate MakeSigned(const TestCertificate& issuer,
                           const CertificateSpec& spec, const TestKey& key) {
  return Make(spec, key, &issuer);
}

TestAuthority TestAuthority::Make(const std::string& common_name) {
  return {MakeSelfSigned(ForAuthority(common_name))};
}

TestCertificate TestAuthority::Issue(const CertificateSpec& spec,
                                     const TestKey& key) const {
  return MakeSigned(certificate, spec, key);
}

TestAuthority TestAuthority::IssueAuthority(
    const std::string& common_name) const {
  return {MakeSigned(certificate, ForAuthority(common_name))};
}

std::string MakeCrl(const TestCertificate& issuer, const CrlSpec& spec) {
  const X509Holder signer = Decode(issuer.der);
  const CrlHolder crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), 1);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(signer.get()));
  ASN1_TIME* time = ASN1_TIME_set(nullptr, ToTimeT(spec.this_update));
  X509_CRL_set1_lastUpdate(crl.get(), time);
  if (spec.has_next_update) {
    ASN1_TIME_set(time, ToTimeT(spec.next_update));
    X509_CRL_set1_nextUpdate(crl.get(), time);
  }
  ASN1_TIME_set(time, ToTimeT(spec.this_update));
  for (const DerCertificate& der : spec.revoked) {
    const X509Holder cert = Decode(der);
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert.get()));
    X509_REVOKED_set_revocationDate(entry, time);
    Require(X509_CRL_add0_revoked(crl.get(), entry) == 1, "a CRL entry");
  }
  ASN1_TIME_free(time);

  X509V3_CTX context;
  X509V3_set_ctx(&context, signer.get(), nullptr, nullptr, crl.get(), 0);
  X509V3_set_ctx_nodb(&context);
  auto extensions = spec.extensions;
  extensions.emplace_back("authorityKeyIdentifier", "keyid:always");
  for (const auto& [name, value] : extensions) {
    X509_EXTENSION* extension =
        X509V3_EXT_nconf(nullptr, &context, name.c_str(), value.c_str());
    Require(extension != nullptr, ("the extension " + name).c_str());
    X509_CRL_add_ext(crl.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  ASN1_INTEGER* number = ASN1_INTEGER_new();
  ASN1_INTEGER_set(number, 1);
  X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, number, 0,
                        X509V3_ADD_APPEND);
  ASN1_INTEGER_free(number);
  X509_CRL_sort(crl.get());
  Require(X509_CRL_sign(crl.get(), issuer.key.get(),
                        DigestFor(issuer.key.get(), "sha256")) != 0,
          "a signed CRL");
  const BioHolder bio(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio_X509_CRL(bio.get(), crl.get()) == 1, "a CRL file");
  return ReadAll(bio.get());
}

TlsEvidence SelfSigned(const TestKey& key, const std::string& name,
                       std::uint64_t serial) {
  CertificateSpec spec = ForHost(name);
  char hex[17];
  std::snprintf(hex, sizeof hex, "%llX",
                static_cast<unsigned long long>(serial));
  spec.serial = hex;
  TlsEvidence evidence({MakeSelfSigned(spec, key).der});
  evidence.protocol = "TLSv1.3";
  evidence.cipher = "TLS_AES_256_GCM_SHA384";
  return evidence;
}

std::string ToPem(const DerCertificate& der) {
  const BioHolder bio(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio(bio.get(), PEM_STRING_X509, "", der.data(),
                        static_cast<long>(der.size())) > 0,
          "a PEM block");
  return ReadAll(bio.get());
}

DerCertificate Truncated(DerCertificate der) {
  der.pop_back();
  return der;
}

DerCertificate Padded(DerCertificate der) {
  der.push_back(0);
  return der;
}

}  // namespace postern
