// core/outcome/verdict.h
//
// Verdict: may the message go over this connection, and why. Made by Judge()
// from a plan and the evidence, or by DeferFor() where there is no evidence to
// judge. Plain data; copy it freely.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/finding.h"
#include "core/outcome/reason.h"
#include "core/outcome/result.h"

namespace postern {

enum class Decision {
  kPass,
  kDefer,
  kBounce,
  kDeliverAnyway,  // a dry run (on-fail=deliver): recorded as failed
};

// Whether the evidence is of the connection that carries the mail or of one
// made only to look.
enum class Basis { kLive, kProbe };

std::string_view ToString(Decision decision);
std::string_view ToString(Basis basis);

struct [[nodiscard]] Verdict {
  Decision decision = Decision::kDefer;
  Reason reason = Reason::kInternal;
  std::string status;   // RFC 3463, "4.7.5"
  std::string mx_host;  // A-label or "[address]"; may be empty
  std::string address;  // the peer's address; may be empty
  Basis basis = Basis::kLive;
  std::vector<Finding> findings;  // of every verifier asked
  std::string line;               // the policy line, canonical
  std::string origin;             // where it came from: "exact", ".parent", "*"
  std::string sentence;           // for the log, one line
  std::string hint;

  bool pass() const { return decision == Decision::kPass; }
};

// The only way from an Error to an outcome: a defer, whatever the reason's own
// status code says (a 5.x.x becomes 4.x.x).
Verdict DeferFor(const Error& error);

// "4.7.5 certificate-host-mismatch: sentence; hint: …", fit for an MTA's log.
std::string ToLogText(const Verdict& verdict);

}  // namespace postern
