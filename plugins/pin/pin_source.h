// plugins/pin/pin_source.h
//
// The source of the level `fingerprint`: binds the pins of a destination, and
// for its `ca` pins the names and revocation lists of the line. A destination
// without pins gets no verifier, and Combine() refuses it (kPinMissing).
#pragma once

#include <memory>

#include "core/policy/policy_source.h"

namespace postern {

std::unique_ptr<PolicySource> MakePinSource();

}  // namespace postern
