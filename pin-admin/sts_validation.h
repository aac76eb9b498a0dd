// pin-admin/sts_validation.h
//
// sts validate: everything that is wrong with what a domain publishes for
// MTA-STS (its TXT record, its policy host, its policy, the certificates of its
// MX hosts), as a sender would find it. One's own domain first of all.
#pragma once

#include "pin-admin/command.h"

namespace postern {

Command StsValidateCommand();

}  // namespace postern
