// pin-admin/policy_text.h
//
// Policy lines between the command line and the store: put together from words,
// compared, described.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/policy/policy_line.h"
#include "core/policy/served_policy.h"
#include "pin-admin/json.h"

namespace postern {

// One line of text from words as a shell hands them over: a value with spaces
// gets the quotes that the shell took away.
std::string JoinWords(std::span<const std::string> words);

// "mail may leave in cleartext and to anyone", what a level lets through.
std::string_view WhatItAllows(Level level);

// The exception that `relax` makes of the line beneath: its route and its way
// to connect stay, what only the old level could use goes.
PolicyLine Relaxed(const PolicyLine& beneath, const PolicyKey& key, Level to,
                   TimePoint until, const std::string& reason);

// {"key", "level", "line", "owner", "note", "until"}; null for no line.
Json ToJson(const std::optional<PolicyLine>& line);
Json ToJson(const std::optional<TimePoint>& time);
// {"key", "kind", "algorithm", "digest", "role", "valid_from", "valid_until",
// "label", "added_by", "added_at"}
Json ToJson(const Pin& pin);

// "spki sha256 3f2a…, backup, 'mx 2027'"
std::string Describe(const Pin& pin);

}  // namespace postern
