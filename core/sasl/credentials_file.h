// core/sasl/credentials_file.h
//
// The file of credentials: a line for each relay, "[host]:port user secret".
// '#' begins a line of comment. The secret is the rest of its line, spaces
// included. Only next hops in brackets: what stands there was written by an
// administrator, while a domain's hosts are whatever DNS says.
//
// What is wrong with it is told by line number, never with what the line holds.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "core/sasl/credentials.h"
#include "core/sasl/secret.h"

namespace postern {

// By NextHop::str().
using CredentialsByHop =
    std::map<std::string, std::shared_ptr<const Credentials>>;

// Pure. Error: kCredentialsUnavailable. A last line without its end is one: the
// file may be half written.
Result<CredentialsByHop> ParseCredentials(std::string_view text);

// The file as `user`, the service's, has to find it: regular, no larger than a
// MiB, that user's own, readable and writable for nobody else. `found`: the
// file that the answer is about, also where that is a refusal of what it is or
// holds; nothing where it could not be opened or read to its end, which may
// pass without a change to the file. Error: kCredentialsUnavailable.
Result<CredentialsByHop> ReadCredentials(const std::string& path, uid_t user,
                                         std::optional<struct stat>& found);

}  // namespace postern
