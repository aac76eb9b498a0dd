// pin-admin/certificate_facts.h
//
// Certificates as pin-admin handles them while it is root: as facts that a
// child without privileges read from them. The octets themselves are parsed
// nowhere else, whether they came over the network or in a partner's mail.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/x509/certificate.h"
#include "pin-admin/json.h"
#include "pin-admin/output.h"

namespace postern {

// {"subject", "issuer", "names", "common_names", "not_before", "not_after",
// "key", "serial", "spki_sha256", "spki_sha512", "cert_sha256", "cert_sha512"}.
// Parses nothing itself, but its argument was parsed: not as root.
Json ToJson(const Certificate& certificate);

// The facts of each certificate in PEM text (or of one in DER), with "der" in
// hexadecimal; read by a child that runs as `user`. Errors are sentences for
// the user (kRequestInvalid).
Result<std::vector<Json>> InspectCertificates(const std::string& user,
                                              std::string_view text);

// Fills in the digest of what `pin.kind` names, and for a `ca` pin the
// certificate.
Status TakeDigest(Pin& pin, const Json& facts);
// The octets behind "der".
std::string DerOf(const Json& facts);

TimePoint NotAfter(const Json& facts);
// Subject, names, validity, key and digests, for an administrator to compare.
void ShowCertificate(Output& out, const Json& facts, TimePoint now);

}  // namespace postern
