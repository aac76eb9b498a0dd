// pin-admin/live_pin.h
//
// pin add --from-live: a key taken from the network is the one thing that an
// attacker can hand us. It is shown with everything that vouches for it, and a
// person has to agree; --yes agrees only to what something else vouches for.
#pragma once

#include "core/policy/pin.h"
#include "pin-admin/command.h"

namespace postern {

// `blank` has everything but the digest.
ExitStatus AddLivePins(Context& context, const Pin& blank);

}  // namespace postern
