// plugins/webpki/webpki_source.h
//
// The source of the levels `verify`, `secure` and `hosted`: binds what the line
// names (ca=, crl=, match=, cn=) to what is on disk and in the store. A trust
// store or list that can't be read condemns the host; it never means "any".
#pragma once

#include <memory>
#include <string>

#include "core/policy/policy_source.h"

namespace postern {

// `trust` is the hashed directory or the file to use where a line has no ca=.
// It is read when a destination first needs it, and again when it changes.
std::unique_ptr<PolicySource> MakeWebpkiSource(std::string trust);

}  // namespace postern
