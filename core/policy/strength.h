// core/policy/strength.h
//
// Is one policy line weaker than another? A partial order, for the places that
// must not weaken unnoticed: `until=`, whose end lets the line beneath hold
// again. docs/policy.md tells it to administrators.
#pragma once

#include <optional>
#include <string>

#include "core/policy/policy_line.h"

namespace postern {

// What would be lost if `beneath` held in place of `line`, in words for an
// error message ("the level falls from secure to may"); nothing where nothing
// would be.
//
// Levels: none < may < encrypt < the authenticating ones, which count as
// equals, but that one whose names come from insecure DNS is below one whose
// don't. `auto` counts as its floor, at most as `encrypt` where it is `beneath`
// another level; `dane` as `may`. What is published and enforced (`dane`,
// `auto`, also=auto) is lost unless `beneath` enforces it too; an
// authenticating level makes up for it, but not for also=auto beside one.
// Attributes: on-fail=, cn=, mx=, crl=, protocols=, ciphers=, exclude=.
std::optional<std::string> WouldWeaken(const PolicyLine& line,
                                       const PolicyLine& beneath);

}  // namespace postern
