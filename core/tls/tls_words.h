// core/tls/tls_words.h
//
// Postfix's words for protocols, ciphers and what to exclude: read here, and
// nowhere else. A policy line is checked with them when it is written, so that
// a typing error is refused there and not at three in the morning; the
// handshake turns the same words into what OpenSSL is told (tls_parameters.h).
// TLS 1.2 is the least at every level; what Postfix lists below it is read and
// has no effect. Pure text: the library of this file knows no OpenSSL.
#pragma once

#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

// The versions that a protocols= leaves.
struct ProtocolSet {
  bool tls12 = true;
  bool tls13 = true;
  bool operator==(const ProtocolSet&) const = default;
  bool empty() const { return !tls12 && !tls13; }
};

// ">=TLSv1.3", "<=TLSv1.2", "!TLSv1.2", "TLSv1.3": joined by colons, commas or
// blanks; a list of bare names admits those only. Empty text leaves both.
// Refuses a list that leaves none.
Result<ProtocolSet> ParseProtocols(std::string_view text);

// The same list in one form: names in their usual case, joined by colons.
Result<std::string> CanonicalProtocols(std::string_view text);

// The shortest protocols= for a set that is not empty; "" for both.
std::string ToProtocols(ProtocolSet set);

// `medium` or `high`, in lower case.
Result<std::string> CanonicalCiphers(std::string_view text);

// OpenSSL's names of ciphers and cipher classes, joined by colons, no
// operators.
Result<std::string> CanonicalExclude(std::string_view text);

}  // namespace postern
