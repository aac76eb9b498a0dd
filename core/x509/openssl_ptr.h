// core/x509/openssl_ptr.h
//
// Owners for OpenSSL's objects, and its error queue as text. For core/x509 and
// core/tls only: no other room sees OpenSSL.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace postern {

template <auto kFree>
struct OpenSslFree {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};

struct OpenSslBytesFree {
  void operator()(unsigned char* p) const { OPENSSL_free(p); }
};

using X509Ptr = std::unique_ptr<X509, OpenSslFree<&X509_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, OpenSslFree<&X509_CRL_free>>;
using X509NamePtr = std::unique_ptr<X509_NAME, OpenSslFree<&X509_NAME_free>>;
using GeneralNamesPtr =
    std::unique_ptr<GENERAL_NAMES, OpenSslFree<&GENERAL_NAMES_free>>;
using BioPtr = std::unique_ptr<BIO, OpenSslFree<&BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, OpenSslFree<&BN_free>>;
using OpenSslBytes = std::unique_ptr<unsigned char, OpenSslBytesFree>;

// Empties this thread's error queue: the reasons, oldest first, joined by "; ".
// "no reason given" where the queue is empty.
std::string TakeOpenSslErrors();

}  // namespace postern
