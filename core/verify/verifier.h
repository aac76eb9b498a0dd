// core/verify/verifier.h
//
// Verifier: does the chain a server has just presented satisfy one requirement
// (a pin, the web PKI, a TLSA record set)?
//
// A PolicySource builds the verifier once all DNS, HTTPS and file work is done.
// From then on it does no I/O and reads no clock, so the same evidence yields
// the same finding in a test, in a replay of the record and live.
#pragma once

#include <string_view>

#include "core/clock/clock.h"
#include "core/outcome/finding.h"
#include "core/tls/tls_evidence.h"

namespace postern {

// Immutable once built: any number of threads may call the const methods.
class Verifier {
 public:
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;
  virtual ~Verifier() = default;

  // Lower-case token for configuration and records: "pin", "webpki". Refers to
  // static storage; changing it breaks administrators' log searches.
  virtual std::string_view name() const = 0;

  // One line for explain: what is required ("spki sha256 3f… or backup 9a…").
  // Part of the plan's digest, so it names everything that decides.
  virtual std::string Describe() const = 0;

  // Judges the connection that `evidence` describes, as of `now`. Satisfied
  // needs positive proof: what does not parse is violated, what can't be
  // decided is undecided; neither ever passes.
  // Borrows its arguments for the call. Throws nothing but std::bad_alloc.
  [[nodiscard]] virtual Finding Check(const TlsEvidence& evidence,
                                      TimePoint now) const = 0;

 protected:
  Verifier() = default;
};

}  // namespace postern
