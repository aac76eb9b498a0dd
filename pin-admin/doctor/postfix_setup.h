// pin-admin/doctor/postfix_setup.h
//
// Is this Postfix set up as Postern needs it? What was proven on a real Postfix
// stands in 'pin-admin config postfix'; here it is compared.
#pragma once

#include <vector>

#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/doctor/postfix_config.h"

namespace postern {

// The transport's line in master.cf, and main.cf's parameters with its name.
std::vector<Diagnosis> PostfixTransportSetup(const PostfixConfig& config,
                                             const OwnSetup& own);

// The lmtp(8) services that lead to our socket.
std::vector<Diagnosis> PostfixLmtpSetup(const PostfixConfig& config,
                                        const OwnSetup& own);

// What holds for all mail: lifetimes, soft_bounce, notify_classes …
std::vector<Diagnosis> PostfixQueueSetup(const PostfixConfig& config,
                                         const OwnSetup& own);

// Is this file a program that somebody else than root can't change, and that
// everybody can run? Also each directory above it.
std::vector<Diagnosis> InspectProgram(const std::string& path);

}  // namespace postern
