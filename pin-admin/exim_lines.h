// pin-admin/exim_lines.h
//
// What Exim needs to hand its mail's connections to Postern's judgement:
// macros, routers and transports, ready to paste. What stands there was proven
// on a real Exim 4.96; docs/quickstart-exim.md explains it.
#pragma once

#include <string>

namespace postern {

// The files of Debian's split configuration; unsplit, the same text goes into
// the sections of that name.
struct EximLines {
  std::string macros, routers, transports, retry;
};

// The TLS library that Exim is linked with; Debian's is GnuTLS. OpenSSL's can't
// be told protocols= for one destination (what it negotiates is judged), and
// needs the service's own trust store to tell of all certificates.
struct EximTls {
  std::string openssl_trust;  // a path; empty: GnuTLS
};

// `library`: postern-exim.so, absolute.
EximLines EximByLibrary(const std::string& library, const EximTls& tls);
// The same questions by ${readsocket}, for an Exim without dlfunc.
EximLines EximBySocket(const std::string& socket, const EximTls& tls);

}  // namespace postern
