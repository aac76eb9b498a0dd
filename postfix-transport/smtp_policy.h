// postfix-transport/smtp_policy.h
//
// A policy line in the words of Postfix's smtp(8): what its
// smtp_tls_policy_maps has to say so that smtp(8) lets nothing pass that the
// line would refuse. Where its words can't say that, nothing is said and
// smtp(8) has to defer: the pipe and LMTP doors hold every line. (Postfix's
// TLS_README and postconf(5), "smtp_tls_policy_maps".)
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/config/settings.h"
#include "core/names/next_hop.h"
#include "core/policy/served_policy.h"
#include "core/x509/digest.h"

namespace postern {

// The Postfix that asks. An attribute that it does not know makes it defer all
// mail, so nothing newer is said.
struct SmtpClient {
  PostfixVersion version;
  // Its smtp_tls_fingerprint_digest; there is one for all destinations.
  DigestAlgorithm digest = DigestAlgorithm::kSha256;
};

struct SmtpPolicy {
  // "fingerprint match=…", one line; nothing: it can't be said.
  std::optional<std::string> value;
  // Without a value: what can't be said, beginning with the word of the line.
  std::string why;
  // What the value leaves out and is therefore refused, though the line would
  // let it pass: pins of another digest. For explain.
  std::vector<std::string> notes;
};

// `key` is what smtp(8) asked for: the next hop. `policy` holds for it, and its
// line's level is not `auto`: what is published decides there, see PolicyMap.
SmtpPolicy ToSmtpPolicy(const ServedPolicy& policy, const NextHop& key,
                        const SmtpClient& client, TimePoint now);

}  // namespace postern
