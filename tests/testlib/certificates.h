// tests/testlib/certificates.h
//
// Keys, certificates and revocation lists for tests, made afresh in process:
//
//   const TestAuthority ca = TestAuthority::Make("Test CA");
//   const TestCertificate mx = ca.Issue(ForHost("mx.example.org"));
//   TlsEvidence evidence({mx.der, ca.certificate.der});
//
// By default everything is as RFC 5280 wants it (key identifiers included), so
// that a test breaks exactly the one thing it is about. Anything that can't be
// made ends the test program: a test must not go on with half a certificate.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock/clock.h"
#include "core/tls/tls_evidence.h"
#include "core/x509/der_certificate.h"

struct evp_pkey_st;

namespace postern {

// A private key. Copies share it.
class TestKey {
 public:
  static TestKey Generate();  // ECDSA, P-256: the quickest to make
  static TestKey Ec(const std::string& curve);  // "P-384", "prime192v1"
  static TestKey Rsa(unsigned bits);
  static TestKey Ed25519();

  std::string spki_hash() const;  // SHA-256 of the SubjectPublicKeyInfo, octets
  std::string private_pem() const;  // unencrypted PKCS #8
  evp_pkey_st* get() const { return key_.get(); }

 private:
  explicit TestKey(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;
};

// What a certificate is to say. The defaults make an ordinary server
// certificate valid from 2020 to 2060.
struct CertificateSpec {
  std::string common_name;                // empty: an empty subject
  std::vector<std::string> dns_names;     // dNSName, octets as they are
  std::vector<std::string> ip_addresses;  // iPAddress, as text
  TimePoint not_before{std::chrono::seconds(1577836800)};  // 2020-01-01
  TimePoint not_after{std::chrono::seconds(2840140800)};   // 2060-01-01
  bool ca = false;
  int path_length = -1;  // with `ca`; negative: none
  std::string serial;    // hexadecimal, "-1" too; empty: a random one
  std::string digest = "sha256";
  int version = 3;
  // Extensions in the notation of x509v3_config(5), by their short names:
  // {"extendedKeyUsage", "clientAuth"}, {"nameConstraints", "permitted;DNS:…"}.
  // One that is there by default (basicConstraints, keyUsage, extendedKeyUsage,
  // subjectKeyIdentifier, authorityKeyIdentifier, subjectAltName) is replaced;
  // an empty value leaves it out.
  std::vector<std::pair<std::string, std::string>> extensions;
};

// A server certificate for one DNS name (SAN and CN).
CertificateSpec ForHost(const std::string& name);
// A CA certificate.
CertificateSpec ForAuthority(const std::string& common_name);

struct TestCertificate {
  DerCertificate der;
  TestKey key;

  std::string pem() const;
};

TestCertificate MakeSelfSigned(const CertificateSpec& spec,
                               const TestKey& key = TestKey::Generate());
TestCertificate MakeSigned(const TestCertificate& issuer,
                           const CertificateSpec& spec,
                           const TestKey& key = TestKey::Generate());

struct TestAuthority {
  TestCertificate certificate;

  static TestAuthority Make(const std::string& common_name);
  TestCertificate Issue(const CertificateSpec& spec,
                        const TestKey& key = TestKey::Generate()) const;
  // An intermediate authority below this one.
  TestAuthority IssueAuthority(const std::string& common_name) const;
};

// A certificate revocation list of `issuer`, PEM.
struct CrlSpec {
  std::vector<DerCertificate> revoked;
  TimePoint this_update{std::chrono::seconds(1577836800)};  // 2020-01-01
  TimePoint next_update{std::chrono::seconds(2840140800)};  // 2060-01-01
  bool has_next_update = true;
  std::vector<std::pair<std::string, std::string>> extensions;
};
std::string MakeCrl(const TestCertificate& issuer, const CrlSpec& spec);

// What a server with one self-signed certificate for `name` presents.
TlsEvidence SelfSigned(const TestKey& key, const std::string& name,
                       std::uint64_t serial);

std::string ToPem(const DerCertificate& der);
DerCertificate Truncated(DerCertificate der);  // without its last octet
DerCertificate Padded(DerCertificate der);     // with one octet too many

}  // namespace postern
