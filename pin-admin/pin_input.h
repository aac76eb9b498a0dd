// pin-admin/pin_input.h
//
// Pins as administrators name them: one to add, made from options; one that is
// there, found by a piece of its digest or by its label.
#pragma once

#include <string>
#include <vector>

#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "pin-admin/command.h"

namespace postern {

// --kind, --role, --label, --valid-from, --valid-until and the key; no digest
// yet. Errors are sentences for the user (kRequestInvalid).
Result<Pin> PinFromOptions(const Context& context);

// The one pin of `pins` whose digest begins with `text` (at least 8 digits), or
// whose label it is. Errors say which are there.
Result<Pin> FindPin(const std::vector<Pin>& pins, const std::string& text);

}  // namespace postern
