// pin-admin/doctor/own_setup.h
//
// Postern's own side: rights, stores, host, service, resolver. What needs root
// is looked at first; the rest without privileges, as the service's user would
// see it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/config/settings.h"
#include "core/dns/resolver.h"
#include "core/store/author_store.h"
#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/mta_inspection.h"

namespace postern {

// Owners and modes of stores, directories, sockets and `config_file`. As root.
std::vector<Diagnosis> InspectRights(const Settings& settings,
                                     const std::string& config_file);

// The file of credentials, and whether each of its lines can be used: a hop
// that no line at an authenticating level leads to gets none. As root.
std::vector<Diagnosis> InspectCredentials(const Settings& settings,
                                          const WatchedPolicy& policy);

// Is what was written in force, and is the history in the past?
std::vector<Diagnosis> InspectSnapshot(AuthorStore& store,
                                       const Settings& settings, TimePoint now);

// The kernel's word on its clock.
std::vector<Diagnosis> InspectClock();
// Authorities and the DNSSEC anchor; without privileges.
std::vector<Diagnosis> InspectTrust(const Settings& settings);
// The name that EHLO says, and whether it is one that servers can look up.
std::vector<Diagnosis> InspectHelo(const Settings& settings,
                                   Resolver* resolver);

// Does the service answer within a second, and is it ours?
std::vector<Diagnosis> InspectService(const Settings& settings);

// Names of which it is known what DNS must say.
struct KnownNames {
  std::string unsigned_name;  // an address, insecure
  std::string bogus_name;     // no answer; empty: there is none to ask for
};

// The service's resolver, made as the service makes it: does a signed zone come
// out secure, and if not, through which forwarder not? Is what nobody signed
// refused, and what is not signed found? `resolver` is set where one could be
// made.
std::vector<Diagnosis> InspectResolver(const Settings& settings,
                                       const KnownNames& names,
                                       std::unique_ptr<Resolver>& resolver);

}  // namespace postern
