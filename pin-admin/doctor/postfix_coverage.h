// pin-admin/doctor/postfix_coverage.h
//
// Does the mail of the lines that must hold reach Postern through this Postfix?
// The likeliest leak of all: a policy that nobody asks.
#pragma once

#include <string>
#include <vector>

#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/doctor/postfix_config.h"
#include "pin-admin/doctor/postfix_route.h"

namespace postern {

// What a transport of master.cf does with a message.
enum class TransportKind {
  kPostern,      // hands it to our door
  kGoesNowhere,  // error(8), discard(8)
  kStaysHere,    // local(8), virtual(8)
  kMissing,      // master.cf has none of that name: mail is deferred
  kElsewhere,    // smtp(8), lmtp(8), another program
};
TransportKind KindOf(const PostfixConfig& config, const Settings& settings,
                     const std::string& transport, const std::string& next_hop);

// The service's program is ours, or it speaks LMTP (to whichever socket).
bool RunsPostern(const MasterService& service);
// "[127.0.0.1]:10025", "unix:…", "localhost": does not leave this host.
bool IsThisHost(std::string_view next_hop);
// The service is lmtp(8) as 'config postfix' has it for our socket: by its
// name, or because it sends what only our door asks for.
bool IsOwnLmtp(const PostfixConfig& config, const MasterService& service);
// What a table has to say for mail to reach Postern: "postern:", or
// "postern-lmtp:unix:postern/lmtp" where that is the only one.
std::string OwnTarget(const PostfixConfig& config, const Settings& settings);

std::vector<Diagnosis> PostfixBypasses(const PostfixConfig& config,
                                       PostfixTables& tables,
                                       const Settings& settings,
                                       const WatchedPolicy& policy);

// Content filters and FILTER actions, which come before all routing.
std::vector<Diagnosis> PostfixFilters(const PostfixConfig& config,
                                      PostfixTables& tables,
                                      const Settings& settings);

}  // namespace postern
