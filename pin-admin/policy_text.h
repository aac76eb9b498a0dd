// pin-admin/policy_text.h
//
// Policy lines between the command line and the store: put together from words,
// compared, described.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/policy/policy_line.h"
#include "core/policy/served_policy.h"
#include "pin-admin/json.h"

namespace postern {

// One line of text from words as a shell hands them over: a value with spaces
// gets the quotes that the shell took away.
std::string JoinWords(std::span<const std::string> words);

// "mail may leave in cleartext and to anyone", what a level lets through.
std::string_view WhatItAllows(Level level);

// Where the line's mail goes: its routes, or the next hop that it is for;
// nothing for domains' own MX.
std::vector<NextHop> HopsOf(const PolicyLine& line);

// Whether the line leads to a port that speaks TLS from the first octet and
// can't be spoken to otherwise: it says wrapper=yes, and not of ports where
// SMTP begins in cleartext (25, 587).
bool NeedsImplicitTls(const PolicyLine& line);

// The exception that `relax` makes of the line beneath: its route and its way
// to connect stay, what only the old level could use goes. At `none` and `may`
// that is wrapper=yes, too: the exception is there so that mail goes, by plain
// SMTP if need be.
PolicyLine Relaxed(const PolicyLine& beneath, const PolicyKey& key, Level to,
                   TimePoint until, const std::string& reason);

// {"key", "level", "line", "owner", "note", "until"}; null for no line.
Json ToJson(const std::optional<PolicyLine>& line);
Json ToJson(const std::optional<TimePoint>& time);
// {"key", "kind", "algorithm", "digest", "weak", "role", "valid_from",
// "valid_until", "label", "added_by", "added_at"}
Json ToJson(const Pin& pin);

// "spki sha256 3f2a…, backup, 'mx 2027'"
std::string Describe(const Pin& pin);

}  // namespace postern
