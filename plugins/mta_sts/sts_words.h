// plugins/mta_sts/sts_words.h
//
// What the grammars of the TXT record and of the policy file share (RFC 8461
// sections 3.1 and 3.2). Not locale's idea of a letter: ASCII's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace postern {

constexpr bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

constexpr bool IsBlank(char c) { return c == ' ' || c == '\t'; }

constexpr std::string_view TrimFront(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

constexpr std::string_view TrimBack(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// sts-ext-name, sts-policy-ext-name.
inline bool IsFieldName(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  return !name.empty() && name.size() <= kLongest &&
         IsAlphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return IsAlphanumeric(c) || c == '_' || c == '-' || c == '.';
         });
}

}  // namespace postern
