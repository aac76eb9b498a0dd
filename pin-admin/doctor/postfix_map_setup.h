// pin-admin/doctor/postfix_map_setup.h
//
// The smtp(8) services that ask a policy map: whose is it, can they reach it,
// and what happens where it is not asked?
#pragma once

#include <vector>

#include "core/config/settings.h"
#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/doctor/postfix_config.h"

namespace postern {

// The service is smtp(8), our map is the first of its smtp_tls_policy_maps, and
// it can reach it: all that it sends by itself is asked about.
bool AsksPolicyMap(const PostfixConfig& config, const Settings& settings,
                   const MasterService& service);

std::vector<Diagnosis> PostfixMapSetup(const PostfixConfig& config,
                                       const OwnSetup& own);

}  // namespace postern
