// The public key and the signature algorithm: what they are called, and whether
// they are strong enough to authenticate (RFC 9325 section 4.5).
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "core/x509/certificate_parse.h"

namespace postern {
namespace {

constexpr int kMinRsaBits = 2048;
// A larger modulus or exponent is no stronger in practice; it makes each check
// of a signature dear, and how dear is the peer's choice.
constexpr int kMaxRsaBits = 8192;
constexpr int kMaxRsaExponentBits = 64;

// Curves of at least 112 bits of strength whose arithmetic is quick enough.
constexpr std::array kCurves{
    std::pair{NID_secp224r1, "P-224"},
    std::pair{NID_X9_62_prime256v1, "P-256"},
    std::pair{NID_secp384r1, "P-384"},
    std::pair{NID_secp521r1, "P-521"},
    std::pair{NID_brainpoolP256r1, "brainpoolP256r1"},
    std::pair{NID_brainpoolP384r1, "brainpoolP384r1"},
    std::pair{NID_brainpoolP512r1, "brainpoolP512r1"},
};

KeyFacts OfRsa(const EVP_PKEY* key, int bits) {
  KeyFacts facts;
  facts.bits = bits;
  facts.description = "RSA " + std::to_string(bits);
  BIGNUM* raw = nullptr;
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw);
  const BignumPtr exponent(raw);
  if (bits < kMinRsaBits) {
    facts.weakness =
        "its RSA key has " + std::to_string(bits) + " bits, fewer than 2048";
  } else if (bits > kMaxRsaBits) {
    facts.defect = "its RSA key has more than 8192 bits";
    facts.unfit = true;
  }
  if (!exponent || BN_num_bits(exponent.get()) > kMaxRsaExponentBits) {
    if (facts.defect.empty()) {
      facts.defect = "its RSA key has an exponent of more than 64 bits";
    }
    facts.unfit = true;
  }
  return facts;
}

KeyFacts OfEc(const EVP_PKEY* key, int bits) {
  KeyFacts facts;
  facts.bits = bits;
  int is_explicit = 0;
  if (EVP_PKEY_get_int_param(key,
                             OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                             &is_explicit) == 1 &&
      is_explicit != 0) {
    // RFC 5480 section 2.1.1.
    facts.description = "EC, explicit parameters";
    facts.defect = "its key spells out its curve instead of naming it";
    facts.unfit = true;
    return facts;
  }
  std::array<char, 80> name{};
  std::size_t length = 0;
  const bool named =
      EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) == 1;
  const int nid = named ? OBJ_txt2nid(name.data()) : NID_undef;
  for (const auto& [curve, text] : kCurves) {
    if (curve != nid) continue;
    facts.description = std::string("EC ") + text;
    return facts;
  }
  facts.description = std::string("EC ") + (named ? name.data() : "unknown");
  facts.weakness = "its key lies on the curve " +
                   (named ? std::string(name.data()) : "unknown") +
                   ", which is not accepted";
  facts.unfit = true;
  return facts;
}

void ReadKey(CertificateDetails* details) {
  KeyFacts facts = ReadKeyFacts(X509_get0_pubkey(details->x509.get()));
  details->key_description = std::move(facts.description);
  details->key_bits = facts.bits;
  details->weakness = std::move(facts.weakness);
  details->key_unfit = facts.unfit;
  if (!facts.defect.empty()) details->AddDefect(std::move(facts.defect));
}

void ReadSignature(CertificateDetails* details) {
  X509* cert = details->x509.get();
  const X509_ALGOR* outer = nullptr;
  X509_get0_signature(nullptr, &outer, cert);
  if (X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(cert)) != 0) {
    // RFC 5280 section 4.1.1.2.
    details->AddDefect("it names two different signature algorithms");
  }
  int digest = NID_undef;
  int key = NID_undef;
  if (X509_get_signature_info(cert, &digest, &key, nullptr, nullptr) != 1) {
    details->AddDefect("it is signed with an unknown algorithm");
    return;
  }
  static constexpr std::array kGood{NID_sha224,   NID_sha256,   NID_sha384,
                                    NID_sha512,   NID_sha3_224, NID_sha3_256,
                                    NID_sha3_384, NID_sha3_512};
  const bool good = digest == NID_undef ? key == NID_ED25519 || key == NID_ED448
                                        : std::find(kGood.begin(), kGood.end(),
                                                    digest) != kGood.end();
  if (!good) {
    const char* name = OBJ_nid2ln(digest == NID_undef ? key : digest);
    // The hash is forgiven at anchors, whose signatures nobody checks; so it is
    // kept apart from the strength of the key.
    details->weak_signature = std::string("its signature uses ") +
                              (name != nullptr ? name : "an unknown hash");
  }
}

}  // namespace

KeyFacts ReadKeyFacts(const EVP_PKEY* key) {
  KeyFacts facts;
  facts.description = "unknown";
  if (key == nullptr) {
    facts.defect = "its public key can't be read: " + TakeOpenSslErrors();
    facts.unfit = true;
    return facts;
  }
  facts.bits = EVP_PKEY_get_bits(key);
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
      return OfRsa(key, facts.bits);
    case EVP_PKEY_EC:
      return OfEc(key, facts.bits);
    case EVP_PKEY_ED25519:
      facts.description = "Ed25519";
      return facts;
    case EVP_PKEY_ED448:
      facts.description = "Ed448";
      return facts;
    default:
      facts.weakness = "its key is of a kind that is not accepted";
      facts.unfit = true;
      return facts;
  }
}

void ReadKeyAndSignature(CertificateDetails* details) {
  ReadKey(details);
  ReadSignature(details);
}

}  // namespace postern
