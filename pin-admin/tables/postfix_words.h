// pin-admin/tables/postfix_words.h
//
// The words of a TLS policy as Postfix's smtp(8) parts them, before they mean
// anything. Private to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

// Where smtp(8) parts a policy, and where main.cf's lists are parted.
inline constexpr std::string_view kPolicyBreaks = ", \t\r\n";
inline constexpr std::string_view kListBreaks = ":, \t\r\n";

// What stands behind the level.
struct PostfixAttributes {
  std::vector<std::string> match;  // values as they are
  std::vector<std::string> tafile;
  std::string ciphers, protocols, exclude, servername;
  std::vector<std::string> notes;  // what is left out, and why
};

// Takes one "name=value". Errors (kRequestInvalid): what Postfix refuses, and
// what has no equal here.
Status TakeAttribute(const std::string& word, PostfixAttributes& attributes);

}  // namespace postern
