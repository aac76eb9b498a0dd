// core/store/author_rules.h
//
// What an author store must never say, checked on the state that a change leads
// to, before it is committed. For this room only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/store/author_file.h"

namespace postern {

// Of a change that is not taken: kPolicyInvalid.
Error Refused(std::string why);

// Keys whose line holds for `key` where `key` has none, nearest first; as
// LookUpDomain() and LookUpNextHop() ask them (core/policy).
std::vector<std::string> KeysAbove(const PolicyKey& key);

// Is there a line, or an exception that has not ended at `now`, by which a pin
// of `key` would be compared?
Result<bool> IsPinUsed(AuthorFile& file, const PolicyKey& key, TimePoint now);

// All rules; `touched` are the objects that the change has written. An Error
// (kPolicyInvalid) says which rule, and what to do instead.
Status CheckRules(AuthorFile& file, const std::set<ObjectName>& touched,
                  TimePoint now);

}  // namespace postern
