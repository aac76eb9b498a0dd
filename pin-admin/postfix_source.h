// pin-admin/postfix_source.h
//
// Where `policy import postfix` gets its text: the source of a table, a
// compiled table through postmap(1), main.cf through postconf(1).
#pragma once

#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "pin-admin/tables/postfix_settings.h"

namespace postern {

// `name` is a file, "-", or what main.cf says: "hash:/etc/postfix/tls_policy".
// Compiled tables are listed by `postmap -s`. Errors (kRequestInvalid) say what
// to give instead.
Result<std::string> ReadPostfixTableText(const std::string& name);

// "hash", "btree" or "lmdb", by the octets that such files begin with; empty
// for others.
std::string_view CompiledTableType(std::string_view octets);

// What `postconf -x` of this host says; empty where there is no Postfix.
Result<PostfixSettings> AskPostconf();

}  // namespace postern
